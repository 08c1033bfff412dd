# One feature vector a frame, computed beforehand: see docs/videos.md. The
# configs that inherit name the annotation file.
train_pipeline = [
    dict(type='LoadFrameFeatures'),
    # Trim is for RGB only, and features get no spatial augmentation
    # (Sec. 3.1).
    dict(type='DualAugmentation', trim=True),
    dict(type='PackSequenceInputs', modalities=('feature',)),
]
test_pipeline = [
    dict(type='LoadFrameFeatures'),
    dict(type='PackSequenceInputs', modalities=('feature',)),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type='collate_for_transport'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='LengthBucketBatchSampler'),
    dataset=dict(
        type='SequenceDataset', split='train', pipeline=train_pipeline
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SequenceDataset',
        split=['train', 'val'],
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
