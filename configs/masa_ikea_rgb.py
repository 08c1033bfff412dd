# IKEA ASM, drawer assemblies, DINOv2 features of the frames.
_base_ = ['_base_/masa.py', '_base_/datasets/frame_features.py']
# Made by masa extract features, then masa convert ikea
# --features with --val-share 0.2.
ann_file = 'data/ikea_rgb.pkl'
data_prefix = dict(feature='data/ikea_features')
train_dataloader = dict(
    batch_size=16, dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, data_prefix=data_prefix))
test_dataloader = dict(
    dataset=dict(
        ann_file=ann_file, data_prefix=data_prefix, split=['train', 'test']
    )
)
# 1536 -> 512 -> 128 (Sec. 4.2), the last width twice for three layers.
model = dict(backbone=dict(in_channels=1536, hidden_channels=(512, 128)))
# Table S1: batches of 16 with a quarter of the rate of 64.
optim_wrapper = dict(optimizer=dict(lr=7.5e-4))
auto_scale_lr = dict(base_batch_size=16)
