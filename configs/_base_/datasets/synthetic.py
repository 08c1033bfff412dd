# Cameras differ, and the body is 3D: every sequence is turned to face the
# same way, for the baselines too.
train_pipeline = [
    # Files of MMAction2 and PYSKL list several people: docs/data.md.
    dict(type='SelectPerson'),
    dict(type='NormalizeSkeleton', rotation='sequence', up_axis='y'),
    dict(
        type='DualAugmentation',
        # Sec. 3.1 and Table S1: each with probability 0.3, angles with 10
        # degrees, translation with 0.1.
        spatial=[
            dict(type='JointAngleNoise', prob=0.3, std=10.0),
            dict(type='FlipSkeleton', prob=0.3),
            dict(type='TranslateSkeleton', prob=0.3, std=0.1),
        ],
    ),
    dict(type='PackSequenceInputs', modalities=('keypoint',)),
]
test_pipeline = [
    dict(type='SelectPerson'),
    dict(type='NormalizeSkeleton', rotation='sequence', up_axis='y'),
    dict(type='PackSequenceInputs', modalities=('keypoint',)),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    collate_fn=dict(type='collate_for_transport'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='LengthBucketBatchSampler'),
    dataset=dict(
        type='SyntheticSequenceDataset',
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SyntheticSequenceDataset',
        split=['train', 'val'],
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
