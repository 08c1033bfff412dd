# Penn Action, DINOv2 features and 3D skeletons of the same frames.
_base_ = ['_base_/masa.py', '_base_/datasets/features_and_skeleton.py']
# Made by masa extract skeletons, and masa extract features --merge.
ann_file = 'data/penn_action_rgb_3d.pkl'
data_prefix = dict(feature='data/penn_action_features')
train_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, data_prefix=data_prefix))
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
# 1536 features and 25 joints x 3 coordinates through one MLP, whose width the
# heads divide (Sec. 3, Fig. 2; the paper does not print it).
model = dict(backbone=dict(in_channels=1536 + 75, hidden_channels=(512, 128)))
