# The embedded default: synthetic activities of a 3D body, nothing to download.
# Half the width, a quarter of the batch and about half of the epochs of the
# other configs, so that two cores train it in about three minutes.
_base_ = ['_base_/masa.py', '_base_/datasets/synthetic.py']
# 25 joints x 3 coordinates.
model = dict(
    backbone=dict(in_channels=75, embed_dims=64, num_heads=4),
    head=dict(predictor=dict(num_heads=4)),
)
train_dataloader = dict(batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(type='MultiStepLR', by_epoch=True, milestones=[27, 54], gamma=0.5),
]
train_cfg = dict(max_epochs=80, val_interval=80)
