# Table 2: a model of one activity instead of one for all.
_base_ = '../masa_penn_pose2d.py'
activities = ['squat']
train_dataloader = dict(dataset=dict(activities=activities))
val_dataloader = dict(dataset=dict(activities=activities))
test_dataloader = dict(dataset=dict(activities=activities))
