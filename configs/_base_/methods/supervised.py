# A classifier of phases on labels of every frame: what methods without labels
# are held against. The configs that inherit set head.in_channels to the
# encoder's width, and the number of activities.
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='SupervisedHead',
        # Clean and jerk has six by TCC's key events, the synthetic
        # clean_and_press too; others have fewer.
        max_phases=6,
    ),
)
