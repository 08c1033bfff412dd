# Table 4: RGB features without the trim.
_base_ = '../masa_penn_rgb.py'
train_pipeline = _base_.train_pipeline
next(t for t in train_pipeline if t.type == 'DualAugmentation').update(
    trim=False
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
