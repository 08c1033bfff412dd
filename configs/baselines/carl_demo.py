_base_ = ['../masa_demo.py', '../_base_/methods/carl.py']
model = _base_.method
