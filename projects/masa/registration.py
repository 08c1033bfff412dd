"""Register all parts of the package in MMAction2's registries.

A config names this module in ``custom_imports``.
"""

from . import engine, models
from .datasets import (
    collate,
    interleaved,
    samplers,
    sequence_dataset,
    synthetic,
    transforms,
)
from .datasets.random_activities import (
    RandomActivityDataset,
    RecordedMotionDataset,
)
from .datasets.transforms.base import SequenceTransform
from .evaluation import evaluator, metrics
from .registry import TASK_UTILS, TRANSFORMS
from .visualization import embedding_figures_hook

__all__ = [
    'RandomActivityDataset',
    'RecordedMotionDataset',
    'collate',
    'embedding_figures_hook',
    'engine',
    'evaluator',
    'interleaved',
    'metrics',
    'models',
    'samplers',
    'sequence_dataset',
    'synthetic',
    'transforms',
]

# Here and not beside the classes: an exported model uses them without the
# registries, which import PyTorch.
for _name in transforms.__all__:
    _member = getattr(transforms, _name)
    if not isinstance(_member, type):
        continue
    if issubclass(_member, SequenceTransform):
        TRANSFORMS.register_module(module=_member)
    else:
        # A prior over poses.
        TASK_UTILS.register_module(module=_member)
