_base_ = ['../masa_demo.py', '../_base_/methods/la2ds.py']
model = _base_.method
# The body is 3D: the encoder looks at it from the front.
model.backbone.update(coordinates=3)
# The first view is the sequence as it is.
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(dual=False)
# With the probability of the other augmentations; the rest is ours.
train_pipeline[2].spatial.append(dict(type='HideJoints', prob=0.3))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
