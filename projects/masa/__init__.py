"""MASA: label-free alignment of sequences of many activities, for MMAction2.

Importing the package imports none of its parts, which are imported on first
use. :mod:`masa.registration` is what a config names in ``custom_imports``.
"""

from .support.lazy import lazy_names

__version__ = '0.1.0'
__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    [
        'alignment',
        'apis',
        'comparison',
        'datasets',
        'embeddings',
        'engine',
        'evaluation',
        'extraction',
        'models',
        'registration',
        'support',
        'visualization',
    ],
    {
        'alignment': ['compare', 'save_comparisons'],
        'apis': ['LiveAligner', 'load', 'pretrained_weights'],
        'support.shipped_configs': ['config_paths'],
    },
)
