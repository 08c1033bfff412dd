import warnings
from collections.abc import Sequence

import numpy as np

# Embeddings of healthy models spread over most of their length; float32
# rounding in an encoder makes 1e-7 to 1e-6 of it.
COLLAPSED = 1e-4


class CollapseWarning(UserWarning):
    """Frames that should differ have one embedding."""


def relative_spread(frames: np.ndarray) -> float:
    """Measure how far embeddings differ, relative to their length.

    Args:
        frames (np.ndarray): (F, D), finite.

    Returns:
        float: Root mean square distance from the mean over the root mean
        square length, in [0, 1]; below ``COLLAPSED`` the frames count as one
        point.
    """
    frames = np.asarray(frames, dtype=np.float64)
    # Squares of tiny numbers would be 0.
    frames = frames / (np.abs(frames).max() or 1)
    length = np.square(frames).sum(axis=1).mean()
    return float(np.sqrt(frames.var(axis=0).sum() / length)) if length else 0.0


def has_collapsed(frames: np.ndarray) -> bool:
    """Say whether two frames or more are all one point.

    Args:
        frames (np.ndarray): (F, D), finite.

    Returns:
        bool: False for a single frame, which cannot differ from another.
    """
    return len(frames) > 1 and relative_spread(frames) < COLLAPSED


def warn_if_collapsed(sequences: Sequence[np.ndarray]) -> None:
    """Warn of a sequence whose frames are all one point.

    Args:
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D).
    """
    if any(map(has_collapsed, sequences)):
        warnings.warn(
            'all frames of a sequence have the same embedding: any alignment '
            'of it is as good as any other, and a low cost means nothing',
            CollapseWarning,
            stacklevel=3,
        )
