_base_ = ['../masa_demo.py', '../_base_/methods/tcn.py']
model = _base_.method
