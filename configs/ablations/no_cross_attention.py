# Table 4: without cross-attention in the encoder.
_base_ = '../masa_penn_pose2d.py'
model = dict(backbone=dict(layers=('self', 'self')))
