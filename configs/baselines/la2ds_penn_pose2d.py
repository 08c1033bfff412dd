_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/la2ds.py']
model = _base_.method
# The first view is the sequence as it is.
train_pipeline = _base_.train_pipeline
train_pipeline[2].update(dual=False)
# With the probability of the other augmentations; the rest is ours.
train_pipeline[2].spatial.append(dict(type='HideJoints', prob=0.3))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
