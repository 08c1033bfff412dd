# Table 4: without self-attention in the encoder.
_base_ = '../masa_penn_pose2d.py'
model = dict(backbone=dict(layers=('cross', 'cross')))
