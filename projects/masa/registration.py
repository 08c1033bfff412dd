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
from .evaluation import evaluator, metrics
from .visualization import embedding_figures_hook

__all__ = [
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
