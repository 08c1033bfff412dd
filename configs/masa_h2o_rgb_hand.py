# H2O, pouring milk, DINOv2 features and poses of both hands.
_base_ = ['_base_/masa.py', '_base_/datasets/features_and_skeleton.py']
# Made by masa convert h2o, and masa extract features --merge.
ann_file = 'data/h2o_milk_rgb.pkl'
data_prefix = dict(feature='data/h2o_features')
train_dataloader = dict(
    batch_size=32, dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, data_prefix=data_prefix))
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
# 1536 features and 42 joints x 3 coordinates through one MLP.
model = dict(backbone=dict(in_channels=1536 + 126, hidden_channels=(512, 128)))
# Table S1: batches of 32 with half the rate of 64.
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
auto_scale_lr = dict(base_batch_size=32)
