# The first round of docs/findings.md, on the same encoder, data and schedule as
# the paper's recipe and the other methods.
method = dict(
    # Every view is embedded by itself, as it is when the model is used.
    backbone=dict(layers=('self', 'self', 'self', 'self')),
    neck=dict(num_layers=2),
    head=dict(
        _delete_=True,
        type='ClipAwareHead',
        temperature=0.1,
        # CARL's is 10.
        variance=1.0,
        clip_weight=0.1,
    ),
    readout=dict(type='FrameReadout', clock=2.0),
)
