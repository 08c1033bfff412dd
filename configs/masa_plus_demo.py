_base_ = ['masa_demo.py', '_base_/methods/masa_plus.py']
model = _base_.method
# A batch of 16 holds one or two sequences of an activity, so that neighbours
# are sought in the last four batches, too: docs/findings.md.
model.head.extra_losses[0].update(mutual=True, memory=64, embed_dims=64)
