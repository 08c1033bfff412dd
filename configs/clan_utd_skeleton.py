_base_ = ['masa_utd_skeleton.py', '_base_/methods/clan.py']
model = _base_.method
# As wide as for other data, unlike MASA's, which is as wide as its input.
model.backbone.update(embed_dims=128, num_heads=8)
# A batch of 64 holds two or three sequences of each of the 27 actions.
model.head.memory = 4 * _base_.train_dataloader.batch_size
# Which action a frame is of, beside what it shows.
model.readout.update(clip=1.0)
