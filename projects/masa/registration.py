"""Register all parts of the package in MMAction2's registries.

A config names this module in ``custom_imports``.
"""

from . import engine, models
from .datasets import (
    collate,
    samplers,
    sequence_dataset,
    synthetic,
    transforms,
)
from .datasets.random_activities import RandomActivityDataset
from .evaluation import evaluator, metrics
from .registry import TASK_UTILS, TRANSFORMS
from .visualization import embedding_figures_hook

__all__ = [
    'RandomActivityDataset',
    'collate',
    'embedding_figures_hook',
    'engine',
    'evaluator',
    'metrics',
    'models',
    'samplers',
    'sequence_dataset',
    'synthetic',
    'transforms',
]

# Here and not beside the classes: an exported model uses them without the
# registries, which import PyTorch.
for _name in (
    'BoneLengthNoise',
    'DualAugmentation',
    'FlipSkeleton',
    'HideJoints',
    'JointAngleNoise',
    'LoadFrameFeatures',
    'NormalizeSkeleton',
    'PackSequenceInputs',
    'PosePriorNoise',
    'ProjectSkeleton',
    'SelectBodyJoints',
    'SelectPerson',
    'ShearSkeleton',
    'TranslateSkeleton',
):
    TRANSFORMS.register_module(module=getattr(transforms, _name))
for _name in ('LinearPosePrior', 'VPoserPrior'):
    TASK_UTILS.register_module(module=getattr(transforms, _name))
