from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from .pair import align_pair


class Timeline(NamedTuple):
    """Many sequences on the timeline of one of them.

    Attributes:
        reference (int): Which one it is.
        frames (np.ndarray): Row i holds the frame of sequence i at every
            moment of the timeline, (N, T) int64, with the method ``dtw``
            never decreasing; row ``reference`` is 0, 1, ..., T - 1.
        costs (np.ndarray): Mean squared distance of every sequence to the
            reference along their alignment, (N,) float64.
    """

    reference: int
    frames: np.ndarray
    costs: np.ndarray


def align_all(
    sequences: Sequence[np.ndarray],
    reference: int | None = None,
    method: str = 'dtw',
) -> Timeline:
    """Bring sequences onto one timeline.

    Args:
        sequences (Sequence[np.ndarray]): N arrays of shape (T_i, D).
        reference (int, optional): Whose timeline. Defaults to the medoid:
            the one to which all others align at the least cost, of two the
            first.
        method (str): Of :func:`align_pair`.

    Returns:
        Timeline: The frames of all.

    Raises:
        ValueError: If there is no sequence, no such reference, or
            :func:`align_pair` refuses a sequence or the method.
    """
    sequences = check_sequences(sequences)
    number = len(sequences)
    if not number:
        raise ValueError('at least one sequence is expected, but got none')
    if reference is None:
        reference = _medoid(sequences, method)
    if not 0 <= reference < number:
        raise ValueError(
            f'reference is expected in [0, {number}), but got {reference}'
        )
    length = len(sequences[reference])
    frames = np.empty((number, length), dtype=np.int64)
    costs = np.zeros(number)
    for i, sequence in enumerate(sequences):
        if i == reference:
            frames[i] = np.arange(length)
        else:
            alignment = align_pair(sequences[reference], sequence, method)
            frames[i] = alignment.match_first()
            costs[i] = alignment.cost
    return Timeline(reference, frames, costs)


def _medoid(sequences: Sequence[np.ndarray], method: str) -> int:
    # Either of two is as near to the other.
    if len(sequences) <= 2:
        return 0
    costs = np.zeros((len(sequences), len(sequences)))
    for i, first in enumerate(sequences):
        for j, second in enumerate(sequences):
            if method == 'dtw' and j < i:
                costs[i, j] = costs[j, i]
            elif i != j:
                costs[i, j] = align_pair(first, second, method).cost
    return int(costs.sum(axis=1).argmin())
