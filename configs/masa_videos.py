# Your own videos, 3D bodies by MediaPipe: docs/videos.md.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
ann_file = 'data/videos.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
# 33 joints x 3 coordinates.
model = dict(backbone=dict(in_channels=99))
# What the model takes of a video: options of masa extract skeletons.
from_video = dict(type='skeletons', backend='mediapipe', target='body3d')
