from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.distance import cdist

from .threads import run_threads

# Entries of one block of distances: 32 MB in float64, for every thread.
BLOCK_ENTRIES = 2**22


def nearest_frames(
    queries: np.ndarray, sequences: Sequence[np.ndarray]
) -> np.ndarray:
    """Find every query's nearest frame in every sequence.

    Distances are squared Euclidean. Of frames that are equally near the
    first is taken. The result is that of ``scipy``'s ``cdist`` and
    ``argmin`` in float64, at the cost of a matrix product: only where the
    product leaves more than one candidate within rounding is the distance
    worked out from the differences.

    Args:
        queries (np.ndarray): Frames, (Q, D).
        sequences (Sequence[np.ndarray]): V arrays of shape (T_i, D).

    Returns:
        np.ndarray: Frame indices, (Q, V) int32.
    """
    # The origin does not matter to a distance, but rounding does: far from
    # it the differences drown. In float32, so that subtracting is exact.
    origin = np.mean([s.mean(axis=0) for s in sequences], axis=0)
    origin = origin.astype(np.float32).astype(np.float64)
    queries = queries.astype(np.float64) - origin
    # |q - f|^2 - |q|^2 = (q, 1) . (-2 f, |f|^2), and |q|^2 is the same for
    # all frames: one product gives the order.
    spread = np.einsum('qd,qd->q', queries, queries)
    products = torch.nn.functional.pad(
        torch.from_numpy(queries), (0, 1), value=1
    )
    nearest = np.empty((len(queries), len(sequences)), dtype=np.int32)

    def search_in(column):
        # Equal frames are one candidate, the first of them, or else a
        # collapsed sequence would be all ties.
        _, first = np.unique(sequences[column], axis=0, return_index=True)
        first.sort()
        frames = sequences[column][first].astype(np.float64) - origin
        norms = np.einsum('td,td->t', frames, frames)
        factors = np.concatenate([-2 * frames, norms[:, None]], axis=1)
        # Twice the bound of the rounding of a product of this width.
        slack = 4 * factors.shape[1] * np.finfo(np.float64).eps
        slack = slack * (spread + norms.max())
        step = max(1, BLOCK_ENTRIES // len(frames))
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            values = products[rows] @ torch.from_numpy(factors).T
            found, tied = _smallest(values.numpy(), slack[rows])
            if tied.size:
                exact = cdist(queries[rows][tied], frames, 'sqeuclidean')
                found[tied] = exact.argmin(axis=1)
            nearest[rows, column] = first[found]

    run_threads(search_in, range(len(sequences)))
    return nearest


def _smallest(values, slack):
    """Find each row's smallest value, and rows with another one as small."""
    smallest = values.argmin(axis=1)
    every = np.arange(len(values))
    limit = values[every, smallest] + slack
    values[every, smallest] = np.inf
    return smallest, np.flatnonzero(values.min(axis=1) <= limit)


def pair_neighbors(sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Match every sequence to every other, frame by frame.

    Args:
        sequences (Sequence[np.ndarray]): V arrays of shape (T_i, D).

    Returns:
        list[np.ndarray]: For every sequence (V, T_i) int32: row j holds the
        indices of its frames' nearest neighbours in sequence j, row i those
        in itself.
    """
    nearest = nearest_frames(np.concatenate(sequences), sequences)
    ends = np.cumsum([len(sequence) for sequence in sequences])
    return [part.T for part in np.split(nearest, ends[:-1])]


def frame_groups(frames: np.ndarray) -> np.ndarray:
    """Number the distinct frames.

    Args:
        frames (np.ndarray): (T, D).

    Returns:
        np.ndarray: A number for every frame, (T,) int64; copies of a frame
        have the same.
    """
    _, groups = np.unique(frames, axis=0, return_inverse=True)
    # NumPy 2.0 alone gives it another shape.
    return groups.reshape(-1)


def copied_frames(groups: np.ndarray) -> np.ndarray:
    """Say which frames have a copy.

    Args:
        groups (np.ndarray): Of :func:`frame_groups`, (T,).

    Returns:
        np.ndarray: (T,) bool.
    """
    return np.bincount(groups)[groups] > 1


def mean_over_copies(
    values: np.ndarray, found: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Average what hangs on a found frame over all copies of it.

    Which of equal frames a search returns is a matter of their order, which
    must not decide a figure.

    Args:
        values (np.ndarray): What every frame would give every query, (Q, T).
        found (np.ndarray): The frame found for every query, (Q,).
        groups (np.ndarray): Of :func:`frame_groups`, (T,).

    Returns:
        np.ndarray: (Q,) float64.
    """
    equal = groups[found][:, None] == groups
    return np.where(equal, values, 0).sum(axis=1) / equal.sum(axis=1)
