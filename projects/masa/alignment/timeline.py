from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from .pair import align_pair


class Timeline(NamedTuple):
    """Several sequences on the timeline of one of them.

    Attributes:
        reference (int): Position of the sequence whose timeline it is.
        frames (np.ndarray): Row i holds the frame of sequence i at every
            moment of the timeline, (N, T) int64. With the method ``dtw`` it
            never decreases. Row ``reference`` is 0, 1, ..., T - 1.
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
    """Align several sequences on one timeline.

    Args:
        sequences (Sequence[np.ndarray]): N arrays of shape (T_i, D).
        reference (int, optional): Position of the sequence whose timeline is
            used. Defaults to the medoid, to which the others align at the
            smallest total cost; of two sequences it is the first.
        method (str): Method of :func:`align_pair`.

    Returns:
        Timeline: The matched frames of all sequences.

    Raises:
        ValueError: If there is no sequence, no such reference, or
            :func:`align_pair` rejects a sequence or the method.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import align_all
        >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
        >>> align_all([slow, fast], reference=1).frames.tolist()
        [[0, 2, 4], [0, 1, 2]]
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
    # Each of two sequences is as near to the other.
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
