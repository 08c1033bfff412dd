_base_ = ['../masa_utd_skeleton.py', '../_base_/methods/clip_aware.py']
model = _base_.method
