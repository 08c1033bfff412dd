_base_ = ['masa_demo.py', '_base_/methods/masa_plus.py']
model = _base_.method
