_base_ = ['../masa_utd_skeleton.py', '../_base_/methods/carl.py']
model = _base_.method
