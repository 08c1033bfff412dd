_base_ = ['../masa_demo.py', '../_base_/methods/sal.py']
model = _base_.method
