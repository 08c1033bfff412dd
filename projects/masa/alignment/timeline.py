from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from ..embeddings.threads import run_threads
from .pair import align_pair
from .resampling import resample

# Of a sequence that is compared with all others at once.
MOMENTS = 32


class Timeline(NamedTuple):
    """Several sequences on the timeline of one of them.

    Attributes:
        reference (int): Position of the sequence whose timeline it is.
        frames (np.ndarray): Row i holds the frame of sequence i at every
            moment of the timeline, (N, T) int64; with the method ``partial``
            -1 where it has no counterpart. But for ``nearest`` it never
            decreases otherwise. Row ``reference`` is 0, 1, ..., T - 1.
        costs (np.ndarray): Mean squared distance of every sequence to the
            reference along their alignment, (N,) float64; NaN if nothing
            matches.
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

    All are aligned with one of them, in one thread per core.

    Args:
        sequences (Sequence[np.ndarray]): N arrays of shape (T_i, D).
        reference (int, optional): Position of the sequence whose timeline is
            used. Defaults to :func:`central_sequence`.
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
        reference = central_sequence(sequences)
    if not 0 <= reference < number:
        raise ValueError(
            f'reference is expected in [0, {number}), but got {reference}'
        )
    length = len(sequences[reference])
    frames = np.empty((number, length), dtype=np.int64)
    costs = np.zeros(number)
    frames[reference] = np.arange(length)

    def align(i):
        alignment = align_pair(sequences[reference], sequences[i], method)
        frames[i] = alignment.match_first()
        costs[i] = alignment.cost

    run_threads(align, [i for i in range(number) if i != reference])
    return Timeline(reference, frames, costs)


def central_sequence(sequences: Sequence[np.ndarray]) -> int:
    """Find the sequence that is nearest to the mean of all.

    Each is resampled to 32 moments, so that all are points of one space. Of
    these points it has the least sum of squared distances to the others, and
    is found in a time that is proportional to their number. Against the
    medoid by dynamic time warping, which needs every pair, it carries key
    events as well (docs/alignment.md).

    Args:
        sequences (Sequence[np.ndarray]): N arrays of shape (T_i, D), one or
            more.

    Returns:
        int: Its position, the first of equal ones. Of two, which are equally
        near, it is 0.
    """
    if len(sequences) <= 2:
        return 0
    points = np.stack(
        [resample(sequence, MOMENTS).ravel() for sequence in sequences]
    )
    points -= points.mean(axis=0)
    return int(np.einsum('nd,nd->n', points, points).argmin())
