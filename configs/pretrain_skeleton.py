# A model of any activity of a body, 13 joints in 2D, that needs no data of its
# own: it is trained on random activities (docs/random_activities.md).
_base_ = ['_base_/masa.py']
# Of a sequence when it is encoded, whatever its rate and length.
frames = 48
pipeline = [
    dict(type='NormalizeSkeleton'),
    dict(
        type='PackSequenceInputs',
        modalities=('keypoint', 'motion', 'missing'),
        motion_unit='sequence',
    ),
]
train_dataloader = dict(
    batch_size=24,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='collate_for_transport'),
    # In order, so that activities that share poses are in one batch.
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RandomActivityDataset',
        num_activities=2400,
        pipeline=pipeline,
    ),
)
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResampledEncoder',
        frames=frames,
        unit_norm=True,
        encoder=dict(
            type='ContextAwareEncoder',
            # 13 joints x (2 coordinates, 2 velocities, 1 flag).
            in_channels=65,
            embed_dims=128,
            num_heads=8,
            layers=('self', 'self', 'self', 'self'),
            position='rotary',
            tempo=1.5,
        ),
    ),
    neck=None,
    head=dict(
        _delete_=True,
        type='AlignmentHead',
        loss=dict(type='CorrespondenceLoss', steps=frames, deviation=1.25),
    ),
)
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True,
        type='AdamW',
        lr=1.5e-3,
        betas=(0.9, 0.98),
        weight_decay=0.02,
    ),
    clip_grad=dict(max_norm=1.0),
)
train_cfg = dict(by_epoch=True, max_epochs=75, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=80),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        T_max=75,
        eta_min_ratio=0.03,
        convert_to_iter_based=True,
    ),
]
# Evaluated on the built-in data, which it has never seen.
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SyntheticSequenceDataset',
        split=['train', 'val'],
        pipeline=[
            dict(type='SelectPerson'),
            # Any body; 3D is seen from the front, a little from the side.
            dict(type='SelectBodyJoints'),
            dict(type='ProjectSkeleton'),
            *pipeline,
        ],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
# What the model takes of a video: options of masa extract skeletons.
from_video = dict(type='skeletons', backend='mediapipe', target='body2d')
