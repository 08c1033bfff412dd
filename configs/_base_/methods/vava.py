# Transport with temporal priors (Liu et al., CVPR 2022).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(_delete_=True, type='VAVAHead'),
)
