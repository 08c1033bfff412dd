"""MASA: label-free alignment of sequences of many activities, for MMAction2.

Importing the package registers its parts in MMAction2's registries.
"""

from . import compat

compat.check_versions()
compat.provide_missing_localizer()
compat.provide_torchvision_operators()

from . import datasets, engine, evaluation, models  # noqa: E402

__all__ = ['datasets', 'engine', 'evaluation', 'models']
__version__ = '0.1.0'
