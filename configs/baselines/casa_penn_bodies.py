_base_ = ['../masa_penn_bodies.py', '../_base_/methods/casa.py']
model = _base_.method
# The first view is the sequence as it is.
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(dual=False)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
