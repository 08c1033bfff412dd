_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/vaot.py']
model = _base_.method
# Pairs of one activity: training uses activity labels.
train_dataloader = dict(dataset=dict(partner='activity'))
