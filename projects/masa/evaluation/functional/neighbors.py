from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

# Entries of one block of distances: 32 MB in float64.
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
    nearest = np.empty((len(queries), len(sequences)), dtype=np.int32)
    for column, sequence in enumerate(sequences):
        # Equal frames are one candidate, the first of them, or else a
        # collapsed sequence would be all ties.
        _, first = np.unique(sequence, axis=0, return_index=True)
        first.sort()
        frames = sequence[first].astype(np.float64) - origin
        step = max(1, BLOCK_ENTRIES // len(frames))
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            nearest[rows, column] = first[_nearest(queries[rows], frames)]
    return nearest


def _nearest(queries: np.ndarray, frames: np.ndarray) -> np.ndarray:
    # |q - f|^2 without |q|^2, which is the same for all frames.
    norms = np.einsum('td,td->t', frames, frames)
    distances = queries @ frames.T  # (Q, T)
    distances *= -2
    distances += norms
    # Twice the bound of the rounding of a product of this width.
    slack = (4 * frames.shape[1] * np.finfo(np.float64).eps) * (
        np.einsum('qd,qd->q', queries, queries) + norms.max()
    )
    candidates = distances <= (distances.min(axis=1) + slack)[:, None]
    nearest = candidates.argmax(axis=1)
    tied = np.flatnonzero(np.count_nonzero(candidates, axis=1) > 1)
    if tied.size:
        exact = cdist(queries[tied], frames, 'sqeuclidean')
        nearest[tied] = exact.argmin(axis=1)
    return nearest


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
