# Table 4: the first view is the sequence as it is, as in CASA.
_base_ = '../masa_penn_pose2d.py'
train_pipeline = _base_.train_pipeline
next(t for t in train_pipeline if t.type == 'DualAugmentation').update(
    dual=False
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
