# H2O, pouring milk, DINOv2 features of the egocentric frames.
_base_ = ['_base_/masa.py', '_base_/datasets/frame_features.py']
# Made by masa convert h2o and masa extract features.
ann_file = 'data/h2o_milk_rgb.pkl'
data_prefix = dict(feature='data/h2o_features')
train_dataloader = dict(
    batch_size=32, dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, data_prefix=data_prefix))
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
# 1536 -> 512 -> 128 (Sec. 4.2), the last width twice for three layers.
model = dict(backbone=dict(in_channels=1536, hidden_channels=(512, 128)))
# Table S1: batches of 32 with half the rate of 64.
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
auto_scale_lr = dict(base_batch_size=32)
