_base_ = ['masa_videos.py', '_base_/methods/masa_plus.py']
model = _base_.method
