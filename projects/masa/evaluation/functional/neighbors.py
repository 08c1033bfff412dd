from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from .threads import run_threads

# Entries of one block of distances: 2 MB at most, to stay in the cache.
BLOCK_ENTRIES = 2**18


def nearest_frames(
    queries: np.ndarray, sequences: Sequence[np.ndarray]
) -> np.ndarray:
    """Find every query's nearest frame in every sequence.

    Distances are squared Euclidean. Of frames that are equally near the
    first is taken. The result is that of ``scipy``'s ``cdist`` and
    ``argmin`` in float64, at the cost of a matrix product in float32: where
    that leaves more than one candidate within rounding, one in float64
    follows, and where that does, the differences themselves.

    Args:
        queries (np.ndarray): Frames, (Q, D).
        sequences (Sequence[np.ndarray]): V arrays of shape (T_i, D).

    Returns:
        np.ndarray: Frame indices, (Q, V) int32.
    """
    # The metrics are imported without PyTorch, which the search needs.
    import torch

    from .frame_products import FrameProducts

    # The origin does not matter to a distance, but rounding does: far from
    # it the differences drown. In float32, so that subtracting is exact.
    origin = np.mean([s.mean(axis=0) for s in sequences], axis=0)
    origin = origin.astype(np.float32).astype(np.float64)
    # Nor does the unit matter; squares must stay in float32's range. A power
    # of two changes no digit.
    largest = max(np.abs(values).max() for values in (queries, *sequences))
    unit = 2.0 ** np.ceil(np.log2(largest)) if largest else 1.0
    queries = (queries.astype(np.float64) - origin) / unit
    products = FrameProducts(queries)
    nearest = np.empty((len(queries), len(sequences)), dtype=np.int32)

    def search_in(column):
        # Equal frames are one candidate, the first of them, or else a
        # collapsed sequence would be all ties.
        first = _first_of_equals(sequences[column])
        frames = sequences[column][first].astype(np.float64)
        frames = (frames - origin) / unit
        factors = products.factors(frames)
        step = max(1, BLOCK_ENTRIES // len(frames))
        for start in range(0, len(queries), step):
            rows = np.arange(start, min(start + step, len(queries)))
            found, tied = products.smallest(rows, factors, torch.float32)
            if tied.size:
                again, still = products.smallest(
                    rows[tied], factors, torch.float64
                )
                if still.size:
                    exact = cdist(
                        queries[rows[tied[still]]], frames, 'sqeuclidean'
                    )
                    again[still] = exact.argmin(axis=1)
                found[tied] = again
            nearest[rows, column] = first[found]

    run_threads(search_in, range(len(sequences)))
    return nearest


def _first_of_equals(frames: np.ndarray) -> np.ndarray:
    """Return the first of all frames that are equal, ascending, (N,)."""
    _, first = np.unique(_as_bytes(frames), return_index=True)
    return np.sort(first)


def _as_bytes(frames: np.ndarray) -> np.ndarray:
    """Make one value of every frame, (N,), equal where frames are.

    Bytes sort ten times as fast as rows of numbers.
    """
    # 0 and -0 are equal, and adding 0 makes them so.
    rows = np.ascontiguousarray(frames + 0)
    return rows.view(np.dtype((np.void, rows.strides[0])))[:, 0]


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
    _, groups = np.unique(_as_bytes(frames), return_inverse=True)
    return groups


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
