_base_ = ['masa_videos.py', '_base_/methods/clan.py']
model = _base_.method
# The last four batches.
model.head.memory = 4 * _base_.train_dataloader.batch_size
