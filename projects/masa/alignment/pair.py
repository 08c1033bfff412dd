from typing import NamedTuple

import numpy as np
from dtaidistance import dtw_ndim

from ..evaluation.functional.checks import check_sequences
from ..evaluation.functional.neighbors import nearest_frames
from ..evaluation.functional.spread import warn_if_collapsed

METHODS = ('dtw', 'nearest')
# Of the table of dynamic time warping, float64: 2 GiB.
MOST_ENTRIES = 2**28


class Alignment(NamedTuple):
    """Which frames of two sequences belong together.

    Attributes:
        path (np.ndarray): Pairs of frames, (P, 2) int64, in the order of
            the first sequence.
        cost (float): Mean squared Euclidean distance of the pairs.
        distances (np.ndarray): Of every pair, (P,) float64.
    """

    path: np.ndarray
    cost: float
    distances: np.ndarray

    def match_first(self) -> np.ndarray:
        """Return one frame of the second sequence for each of the first.

        Returns:
            np.ndarray: (T,) int64: the middle one where several belong to a
            frame. It never decreases if the path never does.
        """
        return _middle(self.path[:, 0], self.path[:, 1])

    def reverse(self) -> 'Alignment':
        """Exchange the sequences.

        Returns:
            Alignment: In the order of the second sequence.
        """
        order = np.lexsort(self.path.T)
        return Alignment(
            self.path[order, ::-1], self.cost, self.distances[order]
        )


def align_pair(
    first: np.ndarray, second: np.ndarray, method: str = 'dtw'
) -> Alignment:
    """Align two sequences.

    ``dtw`` is dynamic time warping (Sakoe and Chiba, 1978) over squared
    Euclidean distances: from the first frames to the last ones, never back,
    with the least sum. ``nearest`` takes the nearest frame of the second
    sequence for every frame of the first, in any order; of equally near ones
    the first.

    Frames that all have one embedding align equally well in any way, and
    dynamic time warping then takes the diagonal at no cost. A
    :class:`~masa.evaluation.functional.CollapseWarning` says so.

    Args:
        first (np.ndarray): (T, D).
        second (np.ndarray): (S, D).
        method (str): ``dtw`` or ``nearest``.

    Returns:
        Alignment: The pairs.

    Raises:
        ValueError: If an array is no sequence of D finite numbers, the method
            is unknown, or the table of ``dtw`` would take more than 2 GiB.
    """
    first, second = check_sequences([first, second])
    warn_if_collapsed([first, second])
    first, second = first.astype(np.float64), second.astype(np.float64)
    if method == 'nearest':
        matched = nearest_frames(first, [second])[:, 0]
        path = np.stack([np.arange(len(first)), matched], axis=1)
    elif method == 'dtw':
        if len(first) * len(second) > MOST_ENTRIES:
            raise ValueError(
                f'dynamic time warping of {len(first)} and {len(second)} '
                f'frames takes {len(first) * len(second) * 8 / 2**30:.1f} '
                "GiB, expected 2 at most: take every nth frame, or 'nearest'"
            )
        path = np.array(dtw_ndim.warping_path(first, second, use_c=True))
    else:
        raise ValueError(
            f'method is expected to be one of {METHODS}, but got {method!r}'
        )
    path = path.astype(np.int64)
    apart = first[path[:, 0]] - second[path[:, 1]]
    distances = np.einsum('pd,pd->p', apart, apart)
    return Alignment(path, float(distances.mean()), distances)


def _middle(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The lower median of the values of every key; keys ascend from 0."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(starts, append=len(keys))
    return values[starts + (counts - 1) // 2]
