from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import faiss

# Candidates beyond those asked for, to be ranked again in float64.
MARGIN = 16
# Queries at once, so that their candidates stay small.
BLOCK = 256


def nearest_rows(
    index: 'faiss.Index',
    queries: np.ndarray,
    k: int,
    own: tuple[int, int],
    rounding: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest rows of an index, ranked in float64.

    Args:
        index (faiss.Index): Of squared Euclidean distances.
        queries (np.ndarray): (Q, D) float32.
        k (int): How many for each; there are that many outside ``own``.
        own (tuple[int, int]): First row, and first one after them, that are
            left out.
        rounding (np.ndarray, optional): How far the index's distances to
            each query may be off, (Q,). With it, more and more candidates
            are taken until no other can be nearer. None takes what the index
            finds.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows, (Q, k) int64, the nearest first,
        and of equally near ones the first; -1 where the index found no more.
        And their squared distances, (Q, k) float64; infinite there.
    """
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf)
    if k:
        for start in range(0, len(queries), BLOCK):
            block = slice(start, start + BLOCK)
            rows[block], distances[block] = _block(
                index,
                queries[block],
                k,
                own,
                None if rounding is None else rounding[block],
            )
    return rows, distances


def _block(index, queries, k, own, rounding):
    rows = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    start, end = own
    unsure, margin = np.arange(len(queries)), MARGIN
    while len(unsure):
        some = queries[unsure]
        wanted = min(k + margin, index.ntotal - (end - start))
        rounded, candidates = index.search(some, wanted + end - start)
        is_own = (candidates >= start) & (candidates < end)
        others = np.argsort(is_own, axis=1, kind='stable')[:, :wanted]
        candidates = np.take_along_axis(candidates, others, axis=1)
        rows[unsure], distances[unsure] = _ranked(index, some, candidates, k)
        if rounding is None or wanted < k + margin:
            break
        # What is not among the candidates is no nearer than their last.
        last = np.take_along_axis(rounded, others[:, -1:], axis=1)[:, 0]
        limit = last - rounding[unsure]
        unsure = unsure[distances[unsure, -1] >= limit]
        margin *= 4
    return rows, distances


def _ranked(index, queries, candidates, k):
    """The k nearest of the candidates, of which -1 is none."""
    # By row, so that the first of equally near ones comes first.
    candidates = np.sort(candidates, axis=1)
    difference = _vectors(index, candidates).astype(np.float64)
    difference -= queries[:, None]
    distances = np.einsum('qcd,qcd->qc', difference, difference)
    distances[candidates < 0] = np.inf
    order = distances.argsort(axis=1, kind='stable')[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def _vectors(index, rows):
    """Read the vectors of rows, (Q, C, D)."""
    if hasattr(index, 'make_direct_map'):
        # Or an inverted file does not know where a row is.
        index.make_direct_map()
    vectors = index.reconstruct_batch(np.maximum(rows, 0).ravel())
    return vectors.reshape(*rows.shape, -1)
