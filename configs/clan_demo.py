_base_ = ['masa_demo.py', '_base_/methods/clan.py']
model = _base_.method
# A batch of 16 holds one or two sequences of an activity.
model.head.memory = 4 * _base_.train_dataloader.batch_size
