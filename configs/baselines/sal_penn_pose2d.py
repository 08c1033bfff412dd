_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/sal.py']
model = _base_.method
# The encoder's width.
model.head.update(in_channels=128)
