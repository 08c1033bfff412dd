_base_ = ['../masa_demo.py', '../_base_/methods/supervised.py']
model = _base_.method
# Training uses activity and phase labels.
# The encoder's width; ten activities.
model.head.update(in_channels=64, num_activities=10)
