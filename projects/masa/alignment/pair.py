from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from ..embeddings.neighbors import nearest_frames
from ..embeddings.spread import warn_if_collapsed
from ..support.argument_checks import check_not_negative
from .warping import (
    matched_frames,
    partial_path,
    path_distances,
    warping_path,
)

METHODS = ('dtw', 'nearest', 'partial')
# Default price of a frame that is left out at an end, in mean squared
# distances of all pairs of frames; and of one in between, in those at an end.
SKIP, INNER = 0.6, 2.0


class Alignment(NamedTuple):
    """The matched frames of two sequences.

    Attributes:
        path (np.ndarray): Pairs of frames, (P, 2) int64, in the order of
            the first sequence.
        cost (float): Mean squared Euclidean distance of the pairs; NaN if
            there are none.
        distances (np.ndarray): Squared distance of every pair, (P,) float64.
        lengths (tuple[int, int]): Numbers of frames of both sequences.
        times (tuple, optional): Time stamps of both sequences in seconds,
            (T,) and (S,) float64; None if unknown.
    """

    path: np.ndarray
    cost: float
    distances: np.ndarray
    lengths: tuple[int, int]
    times: tuple[np.ndarray, np.ndarray] | None = None

    def at(self, second: float) -> float | None:
        """Find the moment of the second sequence that matches one.

        Args:
            second (float): Time in the first sequence, in seconds.

        Returns:
            float, optional: Time in the second sequence, in seconds,
            interpolated between frames; None if the first has no frame there
            or the frame has no counterpart.

        Raises:
            ValueError: If the times of the frames are unknown.

        Example:
            >>> import numpy as np
            >>> from masa.alignment import align_pair
            >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
            >>> times = np.arange(5) / 10, np.arange(3) / 10
            >>> align_pair(slow, fast)._replace(times=times).at(0.3)
            0.1
        """
        if self.times is None:
            raise ValueError(
                'seconds are asked for, but the frame rate of a sequence is '
                'unknown: give frame_rate when the model is loaded'
            )
        own, other = self.times
        if not own[0] <= second <= own[-1]:
            return None
        matched = self.match_first()
        after = int(np.searchsorted(own, second))
        around = [max(after - 1, 0), after] if own[after] > second else [after]
        if (matched[around] < 0).any():
            return None
        return float(np.interp(second, own[around], other[matched[around]]))

    def match_first(self) -> np.ndarray:
        """Match one frame of the second sequence to each of the first.

        Returns:
            np.ndarray: Frames of the second sequence, (T,) int64; the middle
            one where several are paired with a frame, and -1 where none is.
            Others never decrease if the path never does.

        Example:
            >>> import numpy as np
            >>> from masa.alignment import align_pair
            >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
            >>> align_pair(slow, fast).match_first().tolist()
            [0, 0, 1, 1, 2]
        """
        return matched_frames(self.path, self.lengths[0])

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
            self.path[order, ::-1],
            self.cost,
            self.distances[order],
            self.lengths[::-1],
            self.times and self.times[::-1],
        )


def align_pair(
    first: np.ndarray,
    second: np.ndarray,
    method: str = 'dtw',
    skip: float | None = None,
) -> Alignment:
    """Align two sequences.

    ``dtw`` is dynamic time warping (Sakoe and Chiba, 1978): the monotone
    path from the first frames to the last ones with the smallest sum of
    squared Euclidean distances. It is exact up to 2^28 pairs of frames,
    where its time is proportional to ``T * S``
    (:func:`~.warping.warping_path`). ``nearest`` matches every frame of the
    first sequence to the nearest frame of the second, in any order; of
    equally near frames the first is taken. ``partial`` is for recordings
    that do not show the same from beginning to end: frames that have no
    counterpart, at the ends or in between, are left out
    (:func:`~.warping.partial_path`).

    If all frames of a sequence have one embedding, every path costs the same
    and dynamic time warping takes the diagonal. A
    :class:`~masa.evaluation.functional.CollapseWarning` tells of it.

    Args:
        first (np.ndarray): (T, D), of any floating point or integer type.
        second (np.ndarray): (S, D).
        method (str): ``dtw``, ``nearest`` or ``partial``.
        skip (float, optional): For ``partial``, the squared distance above
            which frames are left out at the ends rather than matched; between
            matches it is twice that. Defaults to 0.6 of the mean over all
            pairs of frames.

    Returns:
        Alignment: The matched frames.

    Raises:
        ValueError: If an array does not hold (T, D) finite numbers, the
            widths differ, the method is unknown, ``skip`` is negative or
            given for another method, or there are too many frames for
            ``partial``.

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
    if skip is not None:
        if method != 'partial':
            raise ValueError(
                f"skip is for the method 'partial', but got {method!r}"
            )
        check_not_negative(skip=skip)
    first, second = check_sequences([first, second])
    warn_if_collapsed([first, second])
    first = np.ascontiguousarray(first, dtype=np.float64)
    second = np.ascontiguousarray(second, dtype=np.float64)
    if method == 'nearest':
        matched = nearest_frames(first, [second])[:, 0]
        path = np.stack([np.arange(len(first)), matched], axis=1)
    elif method == 'partial':
        if skip is None:
            skip = SKIP * mean_distance(first, second)
        path = partial_path(first, second, skip, INNER * skip)
    else:
        path = warping_path(first, second)
    distances = path_distances(first, second, path)
    cost = float(distances.mean()) if len(path) else float('nan')
    return Alignment(path, cost, distances, (len(first), len(second)))


def mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean squared distance over all pairs of frames of two sequences.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.

    Returns:
        float: From the means and variances, in a time that is proportional
        to T + S.
    """
    apart = first.mean(0) - second.mean(0)
    return float(first.var(0).sum() + second.var(0).sum() + apart @ apart)
