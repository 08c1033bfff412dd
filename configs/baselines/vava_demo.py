_base_ = ['../masa_demo.py', '../_base_/methods/vava.py']
model = _base_.method
# Pairs of one activity: training uses activity labels.
train_dataloader = dict(dataset=dict(partner='activity'))
