from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .pair import align_pair


class Timeline(NamedTuple):
    """Many sequences on the timeline of one of them.

    Attributes:
        reference (int): Which one it is.
        frames (np.ndarray): Row i holds the frame of sequence i at every
            moment of the timeline, (N, T) int64, never decreasing; row
            ``reference`` is 0, 1, ..., T - 1.
        costs (np.ndarray): Mean squared distance of every sequence to the
            reference along their alignment, (N,) float64.
    """

    reference: int
    frames: np.ndarray
    costs: np.ndarray


def align_all(
    sequences: Sequence[np.ndarray], reference: int | None = None
) -> Timeline:
    """Bring sequences onto one timeline, by dynamic time warping.

    Args:
        sequences (Sequence[np.ndarray]): N arrays of shape (T_i, D).
        reference (int, optional): Whose timeline. Defaults to the medoid:
            the one to which all others align at the least cost.

    Returns:
        Timeline: The frames of all.

    Raises:
        ValueError: If there is no sequence, or no such reference.
    """
    number = len(sequences)
    if not number:
        raise ValueError('at least one sequence is expected, but got none')
    if reference is None:
        reference = _medoid(sequences)
    if not 0 <= reference < number:
        raise ValueError(
            f'reference is expected in [0, {number}), but got {reference}'
        )
    alignments = [
        align_pair(sequences[reference], sequence) for sequence in sequences
    ]
    frames = np.stack([one.match_first() for one in alignments])
    # With itself: DTW may as well stand still where frames are equal.
    frames[reference] = np.arange(frames.shape[1])
    costs = np.array([one.cost for one in alignments])
    return Timeline(reference, frames, costs)


def _medoid(sequences: Sequence[np.ndarray]) -> int:
    costs = np.zeros((len(sequences), len(sequences)))
    for i in range(len(sequences)):
        for j in range(i):
            costs[i, j] = align_pair(sequences[i], sequences[j]).cost
    return int((costs + costs.T).sum(axis=0).argmin())
