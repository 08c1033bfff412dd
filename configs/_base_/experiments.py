# Changes of a recipe, one idea each, to be tried by
#   masa experiment DATA --methods clan clan+NAME
# Names may be joined, as clan+no_cycle+rotary. Settings below "transforms" are
# of the transforms of that type in all pipelines. Why they might help and what
# came of them: docs/lab_notes/clan_components.md and clan_alternatives.md.
# The paper's augmentation, and bodies and cameras of other proportions.
_angles = dict(type='JointAngleNoise', prob=0.3, std=10.0)
_flip = dict(type='FlipSkeleton', prob=0.3)
_shift = dict(type='TranslateSkeleton', prob=0.3, std=0.1)
_shear = dict(type='ShearSkeleton', prob=0.5, std=0.1)
_lengths = dict(type='BoneLengthNoise', prob=0.5, std=0.15)
# Four batches.
_memory = dict(memory=256)
_memory_demo = dict(memory=64)


def _width(dims, heads):
    return {
        'model.backbone.embed_dims': dims,
        'model.backbone.num_heads': heads,
    }


def _inputs(modalities, channels):
    return {
        'model.backbone.in_channels': channels,
        'transforms.PackSequenceInputs.modalities': modalities,
    }


def _spatial(*transforms):
    return {'transforms.DualAugmentation.spatial': list(transforms)}


def _decay(weight_decay):
    return {
        'optim_wrapper.optimizer': dict(
            type='AdamW', lr=3e-3, weight_decay=weight_decay
        )
    }


def _teacher(momentum):
    return {
        'model.teacher': dict(
            type='ExponentialMovingAverage', momentum=momentum
        )
    }


def _extra(**loss):
    return {'model.head.extra_losses': [loss]}


def _neighbors(weight=1.0, **settings):
    """Another cycle in the place of CLAN's."""
    return {
        'model.head.cycle_weight': 0.0,
        **_extra(type='NeighborCycleLoss', weight=weight, **settings),
    }


changes = dict(
    # What CLAN consists of.
    no_cycle={'model.head.cycle_weight': 0.0},
    memory={'model.head.memory': 256},
    no_clip={'model.head.clip_weight': 0.0},
    wide_target={'model.head.variance': 10.0},
    no_time_code={'model.readout.clock': 0.0},
    cycle_half={'model.head.cycle_weight': 0.5},
    # How positions come in.
    rotary={'model.backbone.position': 'rotary'},
    no_position={'model.backbone.position': None},
    tempo={'model.backbone.tempo': 2.0},
    unscaled={'model.backbone.scale_features': False},
    # What views are cut out of a sequence, and how they are moved.
    warp={'transforms.DualAugmentation.temporal': 'warp'},
    hidden_ends={'transforms.DualAugmentation.trim': True},
    short_views={'transforms.DualAugmentation.max_drop_ratio': 0.8},
    long_views={'transforms.DualAugmentation.max_drop_ratio': 0.2},
    weak_spatial=_spatial(),
    strong_spatial=_spatial(
        dict(type='JointAngleNoise', prob=0.6, std=20.0),
        dict(type='FlipSkeleton', prob=0.5),
        _shift,
    ),
    no_flip=_spatial(_angles, _shift),
    shear=_spatial(_angles, _flip, _shift, _shear),
    bone_lengths=_spatial(_angles, _flip, _shift, _lengths),
    other_bodies=_spatial(_angles, _flip, _shift, _shear, _lengths),
    other_bodies_no_flip=_spatial(_angles, _shift, _shear, _lengths),
    # What a frame is. 14 bones of Penn Action's joints, 19 of UTD-MHAD's.
    bones_penn=_inputs(('keypoint', 'bone'), 26 + 28),
    bones_utd=_inputs(('keypoint', 'bone'), 60 + 57),
    motion_penn=_inputs(('keypoint', 'motion'), 26 + 26),
    motion_utd=_inputs(('keypoint', 'motion'), 60 + 60),
    missing_penn=_inputs(('keypoint', 'missing'), 26 + 13),
    turned_utd={
        'transforms.NormalizeSkeleton.rotation': 'sequence',
        'transforms.NormalizeSkeleton.up_axis': 'y',
    },
    hidden_frames={'model.backbone.hidden_frames': 0.15},
    # How large the model is, and how long it learns how fast.
    width_64=_width(64, 8),
    width_60_utd=_width(60, 15),
    width_256=_width(256, 8),
    two_layers={'model.backbone.layers': ('self',) * 2},
    six_layers={'model.backbone.layers': ('self',) * 6},
    projection_32={'model.neck.out_channels': 32},
    projection_512={
        'model.neck.hidden_channels': 512,
        'model.neck.out_channels': 512,
    },
    no_projection={'model.neck': None},
    read_projection_32={
        'model.neck.out_channels': 32,
        'model.embedding': 'neck',
    },
    slow={'optim_wrapper.optimizer.lr': 1e-3},
    fast={'optim_wrapper.optimizer.lr': 6e-3},
    cosine={
        'param_scheduler': [
            dict(
                type='LinearLR',
                start_factor=0.02,
                by_epoch=False,
                begin=0,
                end=50,
            ),
            dict(
                type='CosineAnnealingLR',
                by_epoch=True,
                convert_to_iter_based=True,
            ),
        ]
    },
    weight_decay=_decay(0.05),
    weight_decay_half=_decay(0.5),
    # Weights that are the mean of those of about the last hundred steps.
    ema={
        'default_hooks.ema': dict(
            type='EMAHook',
            ema_type='ExponentialMovingAverage',
            momentum=0.01,
            update_buffers=True,
        )
    },
    batch_32={'train_dataloader.batch_size': 32},
    batch_128={'train_dataloader.batch_size': 128},
    # How sharp the losses are, and what they are weighed with.
    temperature_half={'model.head.temperature': 0.05},
    temperature_double={'model.head.temperature': 0.2},
    variance_quarter={'model.head.variance': 0.25},
    variance_4={'model.head.variance': 4.0},
    clip_weight_3={'model.head.clip_weight': 0.3},
    # Losses beside them.
    covariance=_extra(type='VarianceCovarianceLoss', weight=0.1),
    prototypes=_extra(
        type='SwappedPredictionLoss',
        num_prototypes=64,
        weight=0.1,
    ),
    neighbors=_neighbors(weight=0.1),
    neighbors_half=_neighbors(weight=0.5),
    neighbors_1=_neighbors(),
    neighbors_2=_neighbors(weight=2.0),
    neighbors_variance_4=_neighbors(variance=4.0),
    neighbors_temperature_double=_neighbors(temperature=0.2),
    neighbors_three=_neighbors(num_neighbors=3),
    neighbors_mutual=_neighbors(mutual=True),
    neighbors_memory=_neighbors(**_memory),
    neighbors_memory_mutual=_neighbors(mutual=True, **_memory),
    neighbors_memory_demo=_neighbors(**_memory_demo),
    # What the views are compared with: a moving average of the model.
    teacher=_teacher(0.01),
    teacher_slow=_teacher(0.004),
    # For masa: a sum in the place of eq. 9's quotient, whose clustering
    # vanishes with the matching loss.
    loss_sum={'model.head.combination': 'sum'},
)
