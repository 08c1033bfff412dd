_base_ = ['../masa_demo.py', '../_base_/methods/vsp.py']
model = _base_.method
