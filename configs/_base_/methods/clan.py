# CLAN, clip-aware alignment through neighbor cycles: our own recipe, with one
# set of hyperparameters for all data (docs/clan.md). Where a batch holds fewer
# than about four sequences of each activity, the configs that inherit set
# head.memory to four times the batch size.
method = dict(
    # Every view is embedded by itself, as it is when the model is used.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=dict(num_layers=2),
    head=dict(
        _delete_=True,
        type='CLANHead',
        temperature=0.1,
        # CARL's is 10.
        variance=1.0,
        clip_weight=0.1,
        cycle_weight=1.0,
        memory=0,
    ),
    readout=dict(type='FrameReadout', clock=2.0),
)
