_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/supervised.py']
model = _base_.method
# Training uses activity and phase labels.
# The encoder's width; thirteen activities.
model.head.update(in_channels=128, num_activities=13)
