_base_ = ['../masa_penn_bodies.py', '../_base_/methods/supervised.py']
model = _base_.method
# Training uses activity and phase labels.
# The encoder's width; seven activities.
model.head.update(num_activities=7)
