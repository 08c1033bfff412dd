_base_ = ['masa_utd_skeleton.py', '_base_/methods/masa_plus.py']
model = _base_.method
# Wider than the input: docs/findings.md.
model.backbone.update(embed_dims=128, num_heads=8)
model.neck.update(in_channels=128)
