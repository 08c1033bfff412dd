# H2O, pouring milk, 3D poses of both hands.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
# Made by masa convert h2o.
ann_file = 'data/h2o_milk.pkl'
train_dataloader = dict(batch_size=32, dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
# 2 x 21 joints x 3 coordinates and 21 heads, as in CASA. The paper prints 51
# and 17 heads, which --joints 17 of the converter gives.
model = dict(
    backbone=dict(in_channels=126, embed_dims=126, num_heads=21),
    head=dict(predictor=dict(num_heads=21)),
)
# Table S1: batches of 32 with half the rate of 64.
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
auto_scale_lr = dict(base_batch_size=32)
