# Video as stochastic processes (Zhang et al., CVPR 2023), without labels.
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='VSPHead',
        # As in the code.
        num_segments=5,
        overlap=0.2,
        num_steps=12,
    ),
)
