# The paper scans 3e-3 to 7.5e-4 (Table S1) or 3e-2 (Sec. 4.2) for its rates;
# CASA uses 3e-4. docs/training.md says what trained well here.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3),
    # CASA's bound on the gradient's norm.
    clip_grad=dict(max_norm=0.5),
)
# Halved every 50 epochs until 150 (Sec. 4.2).
param_scheduler = dict(
    type='MultiStepLR', by_epoch=True, milestones=[50, 100, 150], gamma=0.5
)
train_cfg = dict(by_epoch=True, max_epochs=150, val_interval=50)
val_cfg = dict()
test_cfg = dict()
# The rate above is for batches of 64; --auto-scale-lr scales it.
auto_scale_lr = dict(enable=False, base_batch_size=64)
