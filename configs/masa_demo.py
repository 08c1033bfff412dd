# The embedded default: synthetic activities of a 3D body, nothing to download.
_base_ = [
    '_base_/models/masa.py',
    '_base_/datasets/synthetic.py',
    '_base_/schedules/adam_150e.py',
    '_base_/evaluation/phases.py',
    '_base_/default_runtime.py',
]
# 25 joints x 3 coordinates.
model = dict(backbone=dict(in_channels=75))
