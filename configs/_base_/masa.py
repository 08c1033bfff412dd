# What all recipes share: model, schedule, evaluation and runtime.

# Encoder, projection and head of the paper, Sec. 3 and Table S1. The configs
# that inherit set backbone.in_channels to the width of their data; neck and
# head take the width of the encoder.
model = dict(
    type='SequenceAligner',
    data_preprocessor=dict(type='SequenceDataPreprocessor'),
    backbone=dict(
        type='ContextAwareEncoder',
        embed_dims=128,
        num_heads=8,
        layers=('self', 'cross', 'self', 'cross'),
    ),
    neck=dict(type='ProjectionNeck', num_layers=4),
    head=dict(
        type='MASAHead',
        predictor=dict(type='ClusterPredictor', num_heads=8, num_layers=2),
        matching_loss=dict(
            type='MatchingLoss', temperature=0.1, normalize_index=True
        ),
        clustering_loss=dict(type='ImplicitClusteringLoss'),
    ),
)

# Table S1's rates read 3e-3 for batches of 64 and scale with the batch; the
# text scans 3e-2 (Sec. 4.2) and CASA uses 3e-4. docs/training.md says what
# trained well here.
optim_wrapper = dict(
    type='DeferredNormOptimWrapper',
    optimizer=dict(type='Adam', lr=3e-3),
    # CASA's bound on the gradient's norm.
    clip_grad=dict(max_norm=0.5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    # Halved every 50 epochs until 150 (Sec. 4.2).
    dict(
        type='MultiStepLR',
        by_epoch=True,
        milestones=[50, 100, 150],
        gamma=0.5,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=150, val_interval=50)
val_cfg = dict()
test_cfg = dict()
# The rate above is for batches of 64; --auto-scale-lr scales it.
auto_scale_lr = dict(enable=False, base_batch_size=64)

# The five metrics of the paper's Sec. 4.3 and what docs/evaluation.md adds.
# Probes are fitted on the split 'train'; the other split of the loader is
# judged.
val_evaluator = dict(
    type='SequenceEvaluator',
    metrics=[
        dict(type='PhaseClassification', fractions=(1.0,)),
        dict(type='KendallsTau', stride=2),
        dict(type='FrameRetrieval', k=(5,)),
        dict(type='CrossActivityRetrieval', k=(5,)),
        dict(type='ActionRecognition', num_frames=16),
    ],
)
test_evaluator = dict(
    type='SequenceEvaluator',
    metrics=[
        dict(type='PhaseClassification', fractions=(0.1, 0.5, 1.0)),
        dict(type='PhaseProgress'),
        # Every second frame, as TCC and CASA on Penn Action.
        dict(type='KendallsTau', stride=2),
        dict(type='FrameRetrieval', k=(5, 10, 15)),
        dict(type='ActionRecognition', num_frames=16),
        dict(type='CrossActivityRetrieval', k=(5,)),
        dict(type='KeyEventTransfer'),
        dict(type='ActivitySeparation'),
        dict(type='AlignmentError'),
    ],
    baselines=(
        'raw',
        'window',
        'clock',
        'position',
        'raw+clock',
        'window+clock',
    ),
)

default_scope = 'mmaction'
custom_imports = dict(
    imports=['masa.registration'], allow_failed_imports=False
)
# Checks the checkpoints that it reads: docs/reliability.md.
runner_type = 'mmaction.SafeRunner'

default_hooks = dict(
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
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
