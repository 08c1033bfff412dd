_base_ = ['../masa_demo.py', '../_base_/methods/clip_aware.py']
model = _base_.method
