# Penn Action, 3D skeletons of 25 joints estimated from the videos.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
ann_file = 'data/penn_action_3d.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
# 25 joints x 3 coordinates throughout, 15 heads (Table S1).
model = dict(
    backbone=dict(in_channels=75, embed_dims=75, num_heads=15),
    head=dict(predictor=dict(num_heads=15)),
)
