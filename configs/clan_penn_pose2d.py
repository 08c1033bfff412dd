_base_ = ['masa_penn_pose2d.py', '_base_/methods/clan.py']
model = _base_.method
