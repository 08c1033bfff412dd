_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/supervised.py']
model = _base_.method
# Training uses activity and phase labels.
# The encoder's width; thirteen activities.
model.head.update(num_activities=13)
