# UTD-MHAD, 3D Kinect skeletons of 20 joints, one model for all 27 actions.
# The paper does not use this data set.
_base_ = ['_base_/masa.py', '_base_/datasets/skeleton.py']
# Made by masa convert utd with --val-subjects 7.
ann_file = 'data/utd_mhad.pkl'
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
# All widths those of the input, as the paper's for skeletons (Table S1): 20
# joints x 3 coordinates; 15 heads divide them.
model = dict(
    backbone=dict(in_channels=60, embed_dims=60, num_heads=15),
    head=dict(
        predictor=dict(num_heads=15),
        # As for Penn Action's joints, docs/training.md.
        matching_loss=dict(temperature=0.2),
    ),
)
# There are activities and no phases.
val_evaluator = dict(
    metrics=[
        dict(type='KendallsTau', stride=2),
        dict(type='ActionRecognition', num_frames=16),
        dict(type='ActivitySeparation'),
    ],
)
test_evaluator = val_evaluator
