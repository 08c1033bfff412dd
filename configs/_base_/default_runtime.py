default_scope = 'mmaction'
custom_imports = dict(
    imports=['masa.registration'], allow_failed_imports=False
)
# Checks the checkpoints that it reads: docs/reliability.md.
runner_type = 'mmaction.SafeRunner'

default_hooks = dict(
    runtime_info=dict(type='AsyncRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Two or more, so that one is left if the disk damages the last.
    checkpoint=dict(
        type='AtomicCheckpointHook', interval=10, max_keep_ckpts=3
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [
    dict(type='RandomKeyHook'),
    dict(type='PlainCheckpointHook'),
    # Stops before a step on a loss or gradient that is not finite.
    dict(type='FiniteCheckHook'),
    # Warns of an embedding that collapses.
    dict(type='CollapseMonitorHook'),
    dict(type='EmbeddingFiguresHook'),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False
# Whether load_from takes what fits, to train on from another model's weights.
load_partial = False
