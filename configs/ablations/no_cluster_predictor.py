# Table 4: without the cluster predictor, so that only the matching is left.
_base_ = '../masa_penn_pose2d.py'
model = dict(head=dict(predictor=None))
