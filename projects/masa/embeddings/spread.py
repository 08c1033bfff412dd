import warnings
from collections.abc import Sequence

import numpy as np

# The relative spread of trained models is near 1; float32 rounding in an
# encoder alone makes 1e-7 to 1e-6.
COLLAPSED = 1e-4


class CollapseWarning(UserWarning):
    """All frames of a sequence have one embedding."""


def relative_spread(frames: np.ndarray) -> float:
    """Compute the spread of embeddings relative to their norm.

    Args:
        frames (np.ndarray): (F, D), finite.

    Returns:
        float: Root mean square distance from the mean, divided by the root
        mean square norm, in [0, 1]. Below ``COLLAPSED`` the frames count as
        one point.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import relative_spread
        >>> relative_spread(np.array([[3, 4], [3, -4]]))
        0.8
    """
    frames = np.asarray(frames, dtype=np.float64)
    # Squares of tiny numbers would be 0.
    frames = frames / (np.abs(frames).max() or 1)
    length = np.square(frames).sum(axis=1).mean()
    return float(np.sqrt(frames.var(axis=0).sum() / length)) if length else 0.0


def has_collapsed(frames: np.ndarray) -> bool:
    """Tell whether several frames are all one point.

    Args:
        frames (np.ndarray): (F, D), finite.

    Returns:
        bool: False for a single frame, which cannot differ from another.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import has_collapsed
        >>> has_collapsed(np.ones((5, 2))), has_collapsed(np.eye(2))
        (True, False)
    """
    return len(frames) > 1 and relative_spread(frames) < COLLAPSED


def warn_if_collapsed(sequences: Sequence[np.ndarray]) -> None:
    """Warn if all frames of a sequence are one point.

    Args:
        sequences (Sequence[np.ndarray]): Arrays of shape (T_i, D).
    """
    if any(map(has_collapsed, sequences)):
        warnings.warn(
            'all frames of a sequence have the same embedding, so that every '
            'alignment of it has the same cost',
            CollapseWarning,
            stacklevel=3,
        )
