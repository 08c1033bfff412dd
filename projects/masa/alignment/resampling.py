import numpy as np


def resample(sequence: np.ndarray, moments: int) -> np.ndarray:
    """Interpolate a sequence at the middles of equal parts.

    Args:
        sequence (np.ndarray): (T, D).
        moments (int): Number of parts, M.

    Returns:
        np.ndarray: (M, D).

    Example:
        >>> import numpy as np
        >>> resample(np.arange(6.0)[:, None], 3).ravel().tolist()
        [0.5, 2.5, 4.5]
    """
    places = (np.arange(moments) + 0.5) / moments * len(sequence) - 0.5
    places = places.clip(0, len(sequence) - 1)
    before = places.astype(np.int64)
    after = np.minimum(before + 1, len(sequence) - 1)
    share = (places - before)[:, None]
    return (1 - share) * sequence[before] + share * sequence[after]
