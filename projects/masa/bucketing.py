import math

import numpy as np


def bucket_sizes(
    lengths: np.ndarray, max_size: int, max_padding: float
) -> list[int]:
    """Cut sequences, longest first, into buckets with little padding.

    Args:
        lengths (np.ndarray): Numbers of frames in descending order, (N,).
        max_size (int): Most sequences in a bucket.
        max_padding (float): Largest share of a bucket, padded to its longest
            sequence, that may be padding, in [0, 1].

    Returns:
        list[int]: Sequences in each bucket, one or more; their sum is N.

    Example:
        >>> import numpy as np
        >>> bucket_sizes(np.array([90, 80, 30, 20]), 4, max_padding=0.2)
        [2, 2]
    """
    sizes = []
    while len(lengths):
        # Full buckets of the rest would leave a small one at the end.
        rest = math.ceil(len(lengths) / max_size)
        size = math.ceil(len(lengths) / rest)
        used = np.cumsum(lengths[:size])
        padded = lengths[0] * np.arange(1, size + 1)
        # The share grows with every shorter sequence.
        fits = np.count_nonzero(used >= (1 - max_padding) * padded)
        sizes.append(max(1, fits))
        lengths = lengths[sizes[-1] :]
    return sizes
