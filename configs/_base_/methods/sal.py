# Shuffle and Learn (Misra et al., ECCV 2016). The configs that inherit set
# head.in_channels to the encoder's width.
method = dict(
    # Every sequence is embedded by itself.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=None,
    head=dict(
        _delete_=True,
        type='SaLHead',
        # As in TCC's reimplementation (Dwibedi et al., CVPR 2019).
        hidden_channels=(128, 64),
        num_triplets=8,
        shuffled_share=0.75,
    ),
)
