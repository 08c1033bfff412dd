# Adds noise in the space of the poses themselves: docs/pose_prior.md.
_base_ = '../masa_penn_pose2d.py'
train_pipeline = _base_.train_pipeline
next(t for t in train_pipeline if t.type == 'DualAugmentation').spatial.append(
    # Probability and spread of Table S1, for VPoser.
    dict(
        type='PosePriorNoise',
        prob=0.3,
        std=0.1,
        prior=dict(
            type='LinearPosePrior',
            dataset=dict(
                type='SequenceDataset',
                ann_file=_base_.ann_file,
                split='train',
                pipeline=train_pipeline[:2],
            ),
        ),
    )
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
