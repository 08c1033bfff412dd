# The pretrained model, trained on with a collection of your own, without
# labels, by CLAN's losses: docs/model_card.md. Poses of any body.
_base_ = ['pretrain_skeleton.py', '_base_/methods/clan.py']
load_from = __import__('masa').pretrained_weights()
# The projection, which is trained from nothing, is not in it.
load_partial = True
ann_file = 'data/videos.pkl'
pack = _base_.pipeline[1]
body = [
    dict(type='SelectPerson'),
    dict(type='SelectBodyJoints'),
    dict(type='ProjectSkeleton'),
    dict(type='NormalizeSkeleton'),
]
train_dataloader = dict(
    _delete_=True,
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    collate_fn=dict(type='collate_for_transport'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='LengthBucketBatchSampler'),
    dataset=dict(
        type='SequenceDataset',
        ann_file=ann_file,
        split='train',
        pipeline=[
            *body,
            dict(
                type='DualAugmentation',
                spatial=[
                    dict(type='JointAngleNoise', prob=0.3, std=10.0),
                    dict(type='FlipSkeleton', prob=0.3),
                ],
            ),
            pack,
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='SequenceDataset',
        ann_file=ann_file,
        split=['train', 'val'],
        pipeline=[*body, pack],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
model = dict(
    backbone=dict(unit_norm=False),
    # Without it activities become alike: docs/random_activities.md.
    neck=dict(_delete_=True, type='ProjectionNeck', num_layers=2),
    head=_base_.method.head,
)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=20),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        T_max=100,
        eta_min_ratio=0.03,
        convert_to_iter_based=True,
    ),
]
