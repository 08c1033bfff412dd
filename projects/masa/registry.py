"""MMAction2's registries, after the repairs that looking into them needs.

A lookup imports MMAction2's models. Modules of this package take registries
from here alone, so that the repairs come first, whichever of them is imported.
"""

from .support.compat import repair_upstream

repair_upstream()

from mmaction.registry import (  # noqa: E402
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    HOOKS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    RUNNERS,
    TASK_UTILS,
    TRANSFORMS,
)

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATOR',
    'HOOKS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'RUNNERS',
    'TASK_UTILS',
    'TRANSFORMS',
]
