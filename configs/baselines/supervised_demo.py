_base_ = ['../masa_demo.py', '../_base_/methods/supervised.py']
model = _base_.method
# Training uses activity and phase labels.
# Ten activities.
model.head.update(num_activities=10)
