# CASA (Kwon et al., CVPR 2022), as in its code's configs for Penn Action. The
# configs that inherit leave the first view as it is.
method = dict(
    backbone=dict(layers=('self', 'cross') * 4, attention='linear'),
    neck=dict(num_layers=2, batch_norm=False),
    head=dict(
        _delete_=True,
        type='CASAHead',
        temperature=0.1,
        similarity='distance',
        normalize_index=False,
    ),
)
