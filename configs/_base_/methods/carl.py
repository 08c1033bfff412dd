# Sequence contrastive learning (Chen et al., CVPR 2022).
method = dict(
    # Every view is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    # CARL's projection: Linear, BatchNorm, ReLU, Linear; here BatchNorm
    # follows the last one, too.
    neck=dict(num_layers=2),
    head=dict(
        _delete_=True,
        type='CARLHead',
        # As in CARL's code.
        temperature=0.1,
        variance=10.0,
    ),
)
