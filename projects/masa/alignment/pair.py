from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from ..embeddings.neighbors import nearest_frames
from ..embeddings.spread import warn_if_collapsed
from .warping import matched_frames, warping_path

METHODS = ('dtw', 'nearest')


class Alignment(NamedTuple):
    """The matched frames of two sequences.

    Attributes:
        path (np.ndarray): Pairs of frames, (P, 2) int64, in the order of
            the first sequence.
        cost (float): Mean squared Euclidean distance of the pairs.
        distances (np.ndarray): Squared distance of every pair, (P,) float64.
    """

    path: np.ndarray
    cost: float
    distances: np.ndarray

    def match_first(self) -> np.ndarray:
        """Match one frame of the second sequence to each of the first.

        Returns:
            np.ndarray: Frames of the second sequence, (T,) int64; the middle
            one where several are paired with a frame. They never decrease if
            the path never does.

        Example:
            >>> import numpy as np
            >>> from masa.alignment import align_pair
            >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
            >>> align_pair(slow, fast).match_first().tolist()
            [0, 0, 1, 1, 2]
        """
        return matched_frames(self.path)

    def reverse(self) -> 'Alignment':
        """Swap the two sequences.

        Returns:
            Alignment: In the order of the second sequence.

        Example:
            >>> import numpy as np
            >>> from masa.alignment import align_pair
            >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
            >>> align_pair(slow, fast).reverse().match_first().tolist()
            [0, 2, 4]
        """
        order = np.lexsort(self.path.T)
        return Alignment(
            self.path[order, ::-1], self.cost, self.distances[order]
        )


def align_pair(
    first: np.ndarray, second: np.ndarray, method: str = 'dtw'
) -> Alignment:
    """Align two sequences.

    ``dtw`` is dynamic time warping (Sakoe and Chiba, 1978): the monotone
    path from the first frames to the last ones with the smallest sum of
    squared Euclidean distances. It is exact for any length. Its time is
    proportional to ``T * S``, and its memory is small
    (:func:`~.warping.warping_path`). ``nearest`` matches every frame of the
    first sequence to the nearest frame of the second, in any order; of
    equally near frames the first is taken.

    If all frames of a sequence have one embedding, every path costs the same
    and dynamic time warping takes the diagonal. A
    :class:`~masa.evaluation.functional.CollapseWarning` tells of it.

    Args:
        first (np.ndarray): (T, D), of any floating point or integer type.
        second (np.ndarray): (S, D).
        method (str): ``dtw`` or ``nearest``.

    Returns:
        Alignment: The matched frames.

    Raises:
        ValueError: If an array does not hold (T, D) finite numbers, the
            widths differ, or the method is unknown.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import align_pair
        >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
        >>> align_pair(slow, fast).cost
        0.1
    """
    if method not in METHODS:
        raise ValueError(
            f'method is expected to be one of {METHODS}, but got {method!r}'
        )
    first, second = check_sequences([first, second])
    warn_if_collapsed([first, second])
    first = np.ascontiguousarray(first, dtype=np.float64)
    second = np.ascontiguousarray(second, dtype=np.float64)
    if method == 'nearest':
        matched = nearest_frames(first, [second])[:, 0]
        path = np.stack([np.arange(len(first)), matched], axis=1)
    else:
        path = warping_path(first, second)
    apart = first[path[:, 0]] - second[path[:, 1]]
    distances = np.einsum('pd,pd->p', apart, apart)
    return Alignment(path, float(distances.mean()), distances)
