# Generalized temporal cycle consistency (Donahue and Elhamifar, CVPR 2024).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='GTCCHead',
        # As in the code for activities in order; in the wild it takes 15
        # components and windows of 0.2, and drops frames:
        # drop=dict(type='DropContext', gamma=0.95).
        num_components=5,
        window=0.5,
        drop=None,
        # As in the code for all.
        temperature=0.1,
        num_queries=20,
    ),
)
