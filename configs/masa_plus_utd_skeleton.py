_base_ = ['masa_utd_skeleton.py', '_base_/methods/masa_plus.py']
model = _base_.method
# Wider than the input: docs/findings.md.
model.backbone.update(embed_dims=128, num_heads=8)
model.neck.update(in_channels=128)
# A batch of 64 holds two or three sequences of each of the 27 actions, so that
# neighbours are sought in the last four batches, too: docs/findings.md.
model.head.extra_losses[0].update(mutual=True, memory=256, embed_dims=128)
# Which action a frame is of, beside what it shows.
model.readout.update(clip=1.0)
