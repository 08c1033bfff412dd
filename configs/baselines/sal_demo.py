_base_ = ['../masa_demo.py', '../_base_/methods/sal.py']
model = _base_.method
# The encoder's width.
model.head.update(in_channels=64)
