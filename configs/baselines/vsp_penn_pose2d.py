_base_ = ['../masa_penn_pose2d.py', '../_base_/methods/vsp.py']
model = _base_.method
