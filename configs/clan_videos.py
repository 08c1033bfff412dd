_base_ = ['masa_videos.py', '_base_/methods/clan.py']
model = _base_.method
