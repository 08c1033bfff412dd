# IKEA ASM, drawer assemblies, 3D skeletons of 25 joints.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
# Made by masa convert ikea --poses bodies with --skeleton
# OPENPOSE_25 and --val-share 0.2.
ann_file = 'data/ikea_bodies.pkl'
train_dataloader = dict(batch_size=16, dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, split=['train', 'test'])
)
# 25 joints x 3 coordinates throughout, 15 heads (Table S1). The triangulated
# poses of the download (--poses pose3d) have 17 joints: 51 and 17 heads.
model = dict(
    backbone=dict(in_channels=75, embed_dims=75, num_heads=15),
    head=dict(predictor=dict(num_heads=15)),
)
# Table S1: batches of 16 with a quarter of the rate of 64.
optim_wrapper = dict(optimizer=dict(lr=7.5e-4))
auto_scale_lr = dict(base_batch_size=16)
