from pathlib import Path

import numpy as np

from .npy_file import map_npy
from .problem import Problem, is_finite, is_integer, not_finite, short


def check_feature_file(
    name: str,
    record: dict,
    prefix: str,
    channels: int,
    read_values: bool = True,
) -> tuple[list[Problem], int]:
    """Check the feature file of one record.

    ``feature_path`` is relative to the folder ``prefix``; ``channels`` is the
    expected number of channels, 0 for any. With ``read_values`` the whole file
    is read to check that all values are finite. Returns the problems and the
    number of channels, 0 if unknown.
    """
    path = Path(prefix, record['feature_path'])
    total = record.get('total_frames')
    expected = (
        f'a .npy file of shape ({total}, {channels or "channels"}), float16 '
        'or float32'
    )
    try:
        feature = map_npy(path)
    except (OSError, ValueError) as error:
        return [Problem(name, 'feature_path', expected, f'{path}: {error}')], 0
    if (
        feature.ndim != 2
        or feature.dtype not in (np.float16, np.float32)
        or 0 in feature.shape
        or (is_integer(total) and len(feature) != total)
        or (channels and feature.shape[1] != channels)
    ):
        found = f'{path}: {short(feature)}'
        return [Problem(name, 'feature_path', expected, found)], 0
    if read_values and not is_finite(feature).all():
        found = f'{path}: {not_finite(feature)}'
        return [
            Problem(name, 'feature_path', 'finite numbers', found)
        ], feature.shape[1]
    return [], feature.shape[1]
