from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from ..embeddings.neighbors import nearest_frames
from ..embeddings.spread import warn_if_collapsed
from .warping import warping_path

METHODS = ('dtw', 'nearest')


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
    with the least sum. It is exact for any length; its time is proportional
    to ``T * S``, its memory is small (:func:`~.warping.warping_path`).
    ``nearest`` takes the nearest frame of the second sequence for every
    frame of the first, in any order; of equally near ones the first.

    Frames that all have one embedding align equally well in any way, and
    dynamic time warping then takes the diagonal at no cost. A
    :class:`~masa.evaluation.functional.CollapseWarning` says so.

    Args:
        first (np.ndarray): (T, D), of any floating point or integer type.
        second (np.ndarray): (S, D).
        method (str): ``dtw`` or ``nearest``.

    Returns:
        Alignment: The pairs.

    Raises:
        ValueError: If an array does not hold (T, D) finite numbers, the
            widths differ, or the method is unknown.
    """
    if method not in METHODS:
        raise ValueError(
            f'method is expected to be one of {METHODS}, but got {method!r}'
        )
    first, second = check_sequences([first, second])
    warn_if_collapsed([first, second])
    first, second = (
        np.ascontiguousarray(one, dtype=np.float64) for one in (first, second)
    )
    if method == 'nearest':
        matched = nearest_frames(first, [second])[:, 0]
        path = np.stack([np.arange(len(first)), matched], axis=1)
    else:
        path = warping_path(first, second)
    apart = first[path[:, 0]] - second[path[:, 1]]
    distances = np.einsum('pd,pd->p', apart, apart)
    return Alignment(path, float(distances.mean()), distances)


def _middle(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The lower median of the values of every key; keys ascend from 0."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(starts, append=len(keys))
    return values[starts + (counts - 1) // 2]
