"""MASA: label-free alignment of sequences of many activities, for MMAction2.

Importing the package registers its parts in MMAction2's registries.
"""

import gc

# What imports make stays. A seventh of their time would go to looking for
# garbage in it, and every data set looks again as it is read.
_collecting = gc.isenabled()
gc.disable()
try:
    from . import compat

    compat.check_versions()
    compat.provide_missing_localizer()
    compat.leave_out_unusable_multimodal()
    compat.provide_torchvision_operators()

    from . import datasets, engine, evaluation, models

    gc.freeze()
finally:
    if _collecting:
        gc.enable()

__all__ = ['datasets', 'engine', 'evaluation', 'models']
__version__ = '0.1.0'
