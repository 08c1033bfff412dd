"""Exact nearest neighbors among frames.

Distances are squared Euclidean. Matrix products in float32 choose candidates,
and float64 decides among them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy

from .copies import first_of_equals
from .threads import run_threads

if TYPE_CHECKING:
    import faiss

# Entries of a block of distances to one sequence: at most 2 MB, which fit
# the cache.
BLOCK_ENTRIES = 2**18
# Entries of a block of distances to a whole set: 64 MB for every thread.
SET_BLOCK_ENTRIES = 2**24
# FrameSearch divides the frames into this many interleaved parts.
PARTS = 32
# Candidates beyond those asked for, to be ranked in float64.
MARGIN = 16
# Of matrix products; what rounding leaves open, the second one decides.
PRECISIONS = (np.float32, np.float64)
# Queries of one search of an index, which bound the memory of candidates.
INDEX_BLOCK = 256


def nearest_frames(
    queries: np.ndarray, sequences: Sequence[np.ndarray]
) -> np.ndarray:
    """Find the nearest frame to every query in every sequence.

    Of equally near frames the first is taken. The result is that of
    ``scipy``'s ``cdist`` and ``argmin`` in float64, at the cost of a matrix
    product in float32: where rounding leaves several candidates, a product
    in float64 follows, and then the differences themselves.

    Args:
        queries (np.ndarray): Frames, (Q, D).
        sequences (Sequence[np.ndarray]): V arrays of shape (T_i, D).

    Returns:
        np.ndarray: Frame indices, (Q, V) int32.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import nearest_frames
        >>> first, second = np.array([[0.1], [2.2]]), np.arange(4)[:, None]
        >>> nearest_frames(first, [second]).ravel().tolist()
        [0, 2]
    """
    # Distances do not depend on the origin, but rounding does. It is a
    # float32 number, so that subtracting it is exact.
    origin = np.mean([s.mean(axis=0) for s in sequences], axis=0)
    origin = origin.astype(np.float32).astype(np.float64)
    # Squares must stay in the range of float32. Dividing by a power of two
    # changes no digit.
    largest = max(np.abs(values).max() for values in (queries, *sequences))
    unit = 2.0 ** np.ceil(np.log2(largest)) if largest else 1.0

    def scaled(frames):
        return (frames.astype(np.float64) - origin) / unit

    # |q - f|^2 - |q|^2 = (q, 1) . (-2 f, |f|^2), and |q|^2 does not change
    # the order of the frames f.
    queries = scaled(queries)
    spread = _squared_norms(queries)
    left = _in_both_precisions(queries, np.ones(len(queries)))
    numbers = np.arange(len(queries))
    nearest = np.empty((len(queries), len(sequences)), dtype=np.int32)

    def search_in(column):
        # Only the first of equal frames is a candidate: in a collapsed
        # sequence all of them would tie.
        first = first_of_equals(sequences[column])
        frames = scaled(sequences[column][first])
        norms = _squared_norms(frames)
        right = _in_both_precisions(-2 * frames, norms)
        step = max(1, BLOCK_ENTRIES // len(frames))
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            for dtype in PRECISIONS:
                found, tied = _smallest_products(
                    left[dtype][rows],
                    right[dtype],
                    spread[rows] + norms.max(),
                )
                nearest[rows, column] = first[found]
                if not tied.size:
                    break
                # A slice of all rows needs no copy.
                if tied.size < found.size:
                    rows = numbers[rows][tied]
            else:
                exact = scipy.spatial.distance.cdist(
                    queries[rows], frames, 'sqeuclidean'
                )
                nearest[rows, column] = first[exact.argmin(axis=1)]

    run_threads(search_in, range(len(sequences)))
    return nearest


def _squared_norms(frames: np.ndarray) -> np.ndarray:
    return np.einsum('td,td->t', frames, frames)


def _in_both_precisions(
    values: np.ndarray, last: np.ndarray
) -> dict[type, np.ndarray]:
    """Append a column, and convert to float32 and float64."""
    values = np.column_stack([values, last])
    return {dtype: values.astype(dtype, copy=False) for dtype in PRECISIONS}


def _smallest_products(
    queries: np.ndarray, frames: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the smallest product of every query, and where rounding decided.

    Args:
        queries (np.ndarray): (R, W).
        frames (np.ndarray): (N, W), of the same type.
        scale (np.ndarray): Bound of the terms of every query's products,
            (R,) float64.

    Returns:
        tuple[np.ndarray, np.ndarray]: A frame for each query, (R,), and the
        queries for which another frame is as near within rounding.
    """
    # One row holds the products of all queries with a frame, so that each
    # comparison is done for all queries at once.
    values = frames @ queries.T
    # Twice the bound of the rounding of a product of this width and of its
    # factors.
    limits = np.finfo(queries.dtype)
    width = queries.shape[1] + 4
    slack = 4 * width * limits.eps * scale + width * limits.tiny
    limit = values.min(axis=0) + slack.astype(values.dtype)
    candidates, of_query = np.divmod(
        np.flatnonzero(values <= limit), len(queries)
    )
    smallest = np.empty(len(queries), dtype=np.int64)
    smallest[of_query] = candidates
    count = np.bincount(of_query, minlength=len(queries))
    return smallest, np.flatnonzero(count > 1)


def pair_neighbors(sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Match the frames of every sequence to those of every other.

    Args:
        sequences (Sequence[np.ndarray]): V arrays of shape (T_i, D).

    Returns:
        list[np.ndarray]: For every sequence (V, T_i) int32. Row j holds the
        nearest frames in sequence j; row i, those in the sequence itself.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import pair_neighbors
        >>> slow, fast = np.arange(4)[:, None] / 2, np.arange(2)[:, None]
        >>> pair_neighbors([slow, fast])[1].tolist()
        [[0, 2], [0, 1]]
    """
    nearest = nearest_frames(np.concatenate(sequences), sequences)
    ends = np.cumsum([len(sequence) for sequence in sequences])
    return [part.T for part in np.split(nearest, ends[:-1])]


class FrameSearch:
    """Finds the nearest frames in a set, for subsets of the set.

    Candidates of a matrix product in float32 are ranked in float64, some
    more than asked for, so that rounding does not decide the order.

    Args:
        frames (np.ndarray): All candidates, distinct, (N, D).
    """

    def __init__(self, frames: np.ndarray):
        self.frames = frames
        # The order of distances depends on neither origin nor unit, but
        # rounding, overflow and underflow do.
        self.origin = frames.mean(axis=0, dtype=np.float64)
        self.unit = float(np.abs(frames - self.origin).max()) or 1.0
        values = self._scaled(frames)
        self.size = len(values)
        padding = -self.size % PARTS
        self.values = np.pad(values, ((0, padding), (0, 0)))
        self.norms = _squared_norms(self.values)
        self.norms[self.size :] = np.inf

    def __call__(
        self, queries: np.ndarray, allowed: np.ndarray, count: int
    ) -> np.ndarray:
        """Find the nearest frames.

        Args:
            queries (np.ndarray): Frames, (Q, D).
            allowed (np.ndarray): Which candidates may be found, (N,) bool;
                at least ``count``.
            count (int): Number of neighbors.

        Returns:
            np.ndarray: Candidate indices, nearest first, (Q, count).
        """
        barred = np.flatnonzero(~allowed)
        step = max(1, SET_BLOCK_ENTRIES // len(self.values))
        return np.concatenate(
            [
                self._search_block(
                    queries[start : start + step], barred, count
                )
                for start in range(0, len(queries), step)
            ]
        )

    def _search_block(self, queries, barred, count):
        # |f|^2 - 2 q f: |q|^2 is the same for all candidates of a query.
        distances = (-2 * self._scaled(queries)) @ self.values.T
        distances += self.norms
        distances[:, barred] = np.inf
        allowed = self.size - len(barred)
        candidates = _smallest_columns(distances, min(count + MARGIN, allowed))
        candidates = np.sort(candidates, axis=1)
        nearest, _ = _rank_candidates(
            queries, candidates, self.frames[candidates], count
        )
        return nearest

    def _scaled(self, frames):
        return ((frames - self.origin) / self.unit).astype(np.float32)


def _smallest_columns(distances: np.ndarray, count: int) -> np.ndarray:
    """Find the smallest entries of every row.

    The columns are divided into PARTS interleaved runs. Columns of the same
    position in their runs form a group, and the ``count`` smallest entries
    lie in the ``count`` groups with the smallest minima. This is ten times as
    fast as a selection over the whole row.

    Args:
        distances (np.ndarray): (Q, N), N a multiple of PARTS.
        count (int): Number of entries.

    Returns:
        np.ndarray: Column indices, (Q, count).
    """
    parts = distances.reshape(len(distances), PARTS, -1)  # (Q, PARTS, G)
    num_groups = parts.shape[2]
    groups = _smallest_entries(parts.min(axis=1), min(count, num_groups))
    columns = groups[:, None] + num_groups * np.arange(PARTS)[:, None]
    columns = columns.reshape(len(columns), -1)
    pool = np.take_along_axis(distances, columns, axis=1)
    chosen = _smallest_entries(pool, count)
    return np.take_along_axis(columns, chosen, axis=1)


def _smallest_entries(values: np.ndarray, count: int) -> np.ndarray:
    return np.argpartition(values, count - 1, axis=1)[:, :count]


def _rank_candidates(
    queries: np.ndarray, candidates: np.ndarray, vectors: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rank candidates in float64; of equally near ones the first comes first.

    Args:
        queries (np.ndarray): (Q, D).
        candidates (np.ndarray): Rows, ascending, (Q, C) int64; -1 for none.
        vectors (np.ndarray): Their embeddings, (Q, C, D).
        k (int): How many to keep.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows and squared distances, (Q, k).
    """
    difference = vectors.astype(np.float64)
    difference -= queries[:, None]
    distances = np.einsum('qcd,qcd->qc', difference, difference)
    distances[candidates < 0] = np.inf
    order = distances.argsort(axis=1, kind='stable')[:, :k]
    return (
        np.take_along_axis(candidates, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )


def search_index(
    index: 'faiss.Index',
    queries: np.ndarray,
    k: int,
    own: tuple[int, int],
    rounding: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest rows of an index of faiss, ranked in float64.

    Args:
        index (faiss.Index): An index of squared Euclidean distances.
        queries (np.ndarray): (Q, D) float32.
        k (int): Number of neighbors; at least as many rows lie outside
            ``own``.
        own (tuple[int, int]): Start and stop of the rows that are left out.
        rounding (np.ndarray, optional): Bound of the error of the index's
            distances to each query, (Q,). Candidates are added until no
            other row can be nearer. With None, those that the index finds
            first are final.

    Returns:
        tuple[np.ndarray, np.ndarray]: Rows, (Q, k) int64, the nearest first,
        and -1 where the index found no more; and their squared distances,
        (Q, k) float64, infinite there.
    """
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf)
    for start in range(0, len(queries) if k else 0, INDEX_BLOCK):
        unsure = np.arange(start, min(start + INDEX_BLOCK, len(queries)))
        margin = MARGIN
        while len(unsure):
            wanted = min(k + margin, index.ntotal - (own[1] - own[0]))
            candidates, last = _index_candidates(
                index, queries[unsure], wanted, own
            )
            rows[unsure], distances[unsure] = _rank_candidates(
                queries[unsure],
                candidates,
                _index_vectors(index, candidates),
                k,
            )
            if rounding is None or wanted < k + margin:
                break
            # A row that is no candidate is no nearer than the last one.
            limit = last - rounding[unsure]
            unsure = unsure[distances[unsure, -1] >= limit]
            margin *= 4
    return rows, distances


def _index_candidates(index, queries, wanted, own):
    """Find rows outside ``own``, ascending, and the distance of the last."""
    start, end = own
    distances, rows = index.search(queries, wanted + end - start)
    is_own = (rows >= start) & (rows < end)
    others = np.argsort(is_own, axis=1, kind='stable')[:, :wanted]
    last = np.take_along_axis(distances, others[:, -1:], axis=1)[:, 0]
    return np.sort(np.take_along_axis(rows, others, axis=1), axis=1), last


def _index_vectors(index, rows):
    """Read the embeddings of rows, (Q, C, D)."""
    if hasattr(index, 'make_direct_map'):
        # Without it an inverted file cannot look a row up.
        index.make_direct_map()
    vectors = index.reconstruct_batch(np.maximum(rows, 0).ravel())
    return vectors.reshape(*rows.shape, -1)
