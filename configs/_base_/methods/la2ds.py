# In the manner of LA2DS (Tran et al., arXiv:2305.19480), of which only the
# abstract could be read: CASA's objective on an encoder of heatmaps. The
# configs that inherit leave the first view as it is and hide joints.
method = dict(
    backbone=dict(type='HeatmapEncoder'),
    # CASA's projection and objective.
    neck=dict(num_layers=2, batch_norm=False),
    head=dict(
        _delete_=True,
        type='CASAHead',
        temperature=0.1,
        similarity='distance',
        normalize_index=False,
    ),
)
