# Time-contrastive network, single view (Sermanet et al., ICRA 2018).
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='TCNHead',
        # As in TCC's reimplementation (Dwibedi et al., CVPR 2019), half of
        # whose 20 frames are anchors.
        num_pairs=10,
        window=5,
        regularization=0.002,
    ),
)
