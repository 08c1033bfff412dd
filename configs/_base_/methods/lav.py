# Learning by aligning videos in time (Haresh et al., CVPR 2021).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='LAVHead',
        # As in the code, which weighs the regularization otherwise than the
        # paper (weighting='paper').
        gamma=0.1,
        alpha=0.5,
        sigma=10,
        margin=2,
        weighting='code',
        # Frames of a clip that alpha was made for.
        clip_frames=20,
    ),
)
