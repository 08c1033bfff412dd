# Temporal cycle-consistency (Dwibedi et al., CVPR 2019).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='TCCHead',
        # As in the code; the others are regression_mse, regression_huber and
        # classification.
        loss_type='regression_mse_var',
        similarity='l2',
        temperature=0.1,
        variance_lambda=1e-3,
    ),
)
