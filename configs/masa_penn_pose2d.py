# Penn Action, the 13 joints of its labels, one model for all 13 activities.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
# Made by masa convert penn with --val-share 0.2.
ann_file = 'data/penn_action.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
model = dict(
    # 13 joints x 2 coordinates.
    backbone=dict(in_channels=26),
    # The paper prints 0.1 (Table S1); docs/training.md compares.
    head=dict(matching_loss=dict(temperature=0.2)),
)
