# Penn Action, the 3D bodies of CASA's download, 24 joints of SMPL.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
# Made by masa convert casa with --test-share and --val-share.
ann_file = 'data/penn_bodies.pkl'
# Every frame is centered, turned and scaled on its own, as in CASA.
normalize = dict(center='frame', scale='frame', rotation='frame', up_axis='y')
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(normalize)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(normalize)
train_dataloader = dict(
    dataset=dict(ann_file=ann_file, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(
        ann_file=ann_file, pipeline=test_pipeline, split=['train', 'test']
    )
)
# 24 joints x 3 coordinates throughout, as the paper's 25 (Table S1).
model = dict(
    backbone=dict(in_channels=72, embed_dims=72, num_heads=18),
    head=dict(predictor=dict(num_heads=18)),
)
