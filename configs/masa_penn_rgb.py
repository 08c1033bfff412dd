# Penn Action, DINOv2 features of the frames.
_base_ = ['_base_/masa.py', '_base_/datasets/frame_features.py']
ann_file = 'data/penn_action_rgb.pkl'
data_prefix = dict(feature='data/penn_action_features')
train_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, data_prefix=data_prefix))
test_dataloader = dict(
    dataset=dict(ann_file=ann_file, data_prefix=data_prefix)
)
# 1536 -> 512 -> 128 (Sec. 4.2), the last width twice for three layers.
model = dict(backbone=dict(in_channels=1536, hidden_channels=(512, 128)))
