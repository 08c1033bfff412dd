_base_ = ['masa_utd_skeleton.py', '_base_/methods/masa_plus.py']
model = _base_.method
