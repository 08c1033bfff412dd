_base_ = ['masa_penn_bodies.py', '_base_/methods/clan.py']
model = _base_.method
# As wide as for other data, unlike MASA's, which is as wide as its input.
model.backbone.update(embed_dims=128, num_heads=8)
