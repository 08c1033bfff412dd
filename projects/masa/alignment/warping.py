import math

import numpy as np
import scipy
from dtaidistance import dtw, dtw_ndim
from numpy.lib.stride_tricks import as_strided

# Up to this many pairs of frames dtaidistance, which is faster but keeps a
# table of them all, takes 128 MiB at most.
TABLE_ENTRIES = 2**24
# Of a partial path, which keeps ten bytes for each: 320 MiB.
PARTIAL_ENTRIES = 2**25
# Up to this many pairs the path is exact: two recordings of nine minutes at 30
# frames a second.
EXACT_ENTRIES = 2**28
# Of a coarse path: pairs of blocks of frames, and how many blocks to either
# side the path may be.
COARSE_ENTRIES, RADIUS = 2**22, 4
# Of a tile: rows, which bound the memory, and antidiagonals.
HEIGHT, LENGTH = 512, 2048


def warping_path(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Find the path of dynamic time warping.

    The path leads from the first frames to the last ones in steps of (1, 1),
    (1, 0) and (0, 1), with the least sum of squared Euclidean distances.
    Where several steps back are equally cheap, (1, 1) is taken before
    (0, 1), and (0, 1) before (1, 0). The time is proportional to T * S; the
    memory is bounded by 128 MiB or, for longer sequences, about T * S / 40
    bytes. Above 2^28 pairs of frames the path is found at a lower resolution
    first, and then near that one alone (Salvador and Chan, Intelligent Data
    Analysis 11(5), 2007): time and memory are then proportional to T + S, and
    another path might be cheaper.

    Args:
        first (np.ndarray): (T, D) float64, C-contiguous, without what
            :func:`~masa.embeddings.checks.check_sequences`
            refuses.
        second (np.ndarray): (S, D) likewise.

    Returns:
        np.ndarray: Pairs of frames, (P, 2) int64.
    """
    if len(first) * len(second) > EXACT_ENTRIES:
        return _path_near_coarse(first, second)
    if len(first) * len(second) > TABLE_ENTRIES:
        return _Tiles(first, second).path()
    if first.shape[1] == 1:
        # dtw_ndim takes two dimensions or more.
        path = dtw.warping_path(first[:, 0], second[:, 0], use_c=True)
    else:
        path = dtw_ndim.warping_path(first, second, use_c=True)
    return np.array(path, dtype=np.int64)


def partial_path(
    first: np.ndarray, second: np.ndarray, skip: float, inner: float
) -> np.ndarray:
    """Find the cheapest path that may leave frames of both out.

    Every frame of both sequences is either matched, or left out: at the price
    ``skip`` before the first match and after the last one, and ``inner``
    between them. With the squared distance ``c[i, j]``, ``M`` the least cost
    of what ends with a matched pair and ``D`` of what has one,

        M[i, j] = min((i + j) skip + 2 c[i, j], D[i - 1, j - 1] + 2 c[i, j],
                      M[i - 1, j] + c[i, j], M[i, j - 1] + c[i, j])
        D[i, j] = min(M[i, j], D[i - 1, j] + inner, D[i, j - 1] + inner),

    counted from 0, and the path ends where ``M`` and the price of what
    remains are least. That is Drop-DTW (Dvornik et al., 2021) for both
    sequences, with open ends, and with the symmetric weights of Sakoe and
    Chiba (1978), by which all paths through the same frames weigh the same.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.
        skip (float): Price of a frame that is left out at an end, 0 or more.
        inner (float): Price of one between matches, 0 or more.

    Returns:
        np.ndarray: Matched pairs of frames, (P, 2) int64; none if leaving all
        out is cheaper.

    Raises:
        ValueError: If there are more than 2^25 pairs of frames, for each of
            which ten bytes are kept.
    """
    rows, columns = len(first), len(second)
    if rows * columns > PARTIAL_ENTRIES:
        raise ValueError(
            f'partial alignment takes {PARTIAL_ENTRIES:,} pairs of frames at '
            f'most, but got {rows:,} x {columns:,}: give fewer frames a '
            'second, or cut the recordings'
        )
    distances = scipy.spatial.distance.cdist(
        first, second, 'sqeuclidean'
    ).ravel()
    # What M and D come from, by antidiagonal i + j and row i.
    origins = np.zeros((2, rows + columns - 1, rows), np.uint8)
    # Of three antidiagonals, by row i + 1.
    matched = [np.full(rows + 1, np.inf) for _ in range(3)]
    best = [np.full(rows + 1, np.inf) for _ in range(3)]
    least, end = (rows + columns) * skip, None
    for s in range(rows + columns - 1):
        low, high = max(0, s - columns + 1), min(rows, s + 1)
        # The pair (i, s - i) of the flattened distances.
        cost = distances[s + np.arange(low, high) * (columns - 1)]
        own, up = slice(low + 1, high + 1), slice(low, high)
        choices = np.stack(
            [
                s * skip + 2 * cost,
                best[0][up] + 2 * cost,
                matched[1][up] + cost,
                matched[1][own] + cost,
            ]
        )
        origins[0, s, low:high] = choices.argmin(0)
        matched[2].fill(np.inf)
        matched[2][own] = choices.min(0)
        choices = np.stack(
            [matched[2][own], best[1][up] + inner, best[1][own] + inner]
        )
        origins[1, s, low:high] = choices.argmin(0)
        best[2].fill(np.inf)
        best[2][own] = choices.min(0)
        row = int(matched[2].argmin())
        total = matched[2][row] + (rows + columns - 2 - s) * skip
        if total <= least:
            least, end = total, (row - 1, s - row + 1)
        matched.append(matched.pop(0))
        best.append(best.pop(0))
    return _matched_pairs(origins, end)


def _matched_pairs(
    origins: np.ndarray, end: tuple[int, int] | None
) -> np.ndarray:
    """Follow the origins of M and D backwards from the last pair."""
    path = []
    is_match = True
    while end is not None:
        i, j = end
        origin = origins[0 if is_match else 1, i + j, i]
        if not is_match:
            is_match = origin == 0
            end = i - (origin == 1), j - (origin == 2)
            continue
        path.append((i, j))
        is_match = origin > 1
        end = (i - (origin < 3), j - (origin != 2)) if origin else None
    return np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


def path_distances(
    first: np.ndarray, second: np.ndarray, path: np.ndarray
) -> np.ndarray:
    """Compute the squared distances of matched frames.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.
        path (np.ndarray): Pairs of frames, (P, 2).

    Returns:
        np.ndarray: (P,) float64.
    """
    apart = first[path[:, 0]] - second[path[:, 1]]
    return np.einsum('pd,pd->p', apart, apart)


def matched_frames(path: np.ndarray, length: int) -> np.ndarray:
    """Match one frame of the second sequence to each of the first.

    Args:
        path (np.ndarray): Pairs of frames in the order of the first
            sequence, (P, 2).
        length (int): Number of frames of the first sequence, T.

    Returns:
        np.ndarray: Frames of the second sequence, (T,) int64; the middle one
        where several are paired with a frame, of two the first; -1 where none
        is.

    Example:
        >>> import numpy as np
        >>> from masa.alignment.warping import matched_frames
        >>> path = np.array([[0, 0], [0, 1], [0, 2], [2, 3]])
        >>> matched_frames(path, 3).tolist()
        [1, -1, 3]
    """
    matched = np.full(length, -1)
    starts = np.flatnonzero(np.diff(path[:, 0], prepend=-1))
    counts = np.diff(starts, append=len(path))
    matched[path[starts, 0]] = path[starts + (counts - 1) // 2, 1]
    return matched


def _path_near_coarse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Find the cheapest path that is near that of blocks of frames."""
    pairs = len(first) * len(second)
    size = max(2, math.ceil(math.sqrt(pairs / COARSE_ENTRIES)))
    coarse = warping_path(
        _block_means(first, size), _block_means(second, size)
    )
    # Where the coarse path crosses the antidiagonals i + j.
    middles = (coarse + 0.5) * size - 0.5
    diagonals = np.arange(len(first) + len(second) - 1)
    rows = np.interp(diagonals, middles.sum(axis=1), middles[:, 0])
    return _path_in_band(first, second, rows, RADIUS * size)


def _block_means(frames: np.ndarray, size: int) -> np.ndarray:
    """Average blocks of frames, the last of which may be shorter."""
    starts = np.arange(0, len(frames), size)
    counts = np.diff(starts, append=len(frames))
    return np.add.reduceat(frames, starts) / counts[:, None]


def _path_in_band(
    first: np.ndarray, second: np.ndarray, rows: np.ndarray, width: int
) -> np.ndarray:
    """Find the cheapest path that stays near the rows of antidiagonals.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.
        rows (np.ndarray): Row of every antidiagonal, (T + S - 1,), from one
            to the next 0 to 1 more.
        width (int): Rows to either side.

    Returns:
        np.ndarray: Pairs of frames, (P, 2) int64.
    """
    lows = np.floor(rows).astype(np.int64) - width
    count = 2 * width + 2
    # Where each step comes from: both, the second alone, the first alone.
    origins = np.empty((len(rows), count), np.uint8)
    # Of two antidiagonals before, with a border for rows that they lack.
    before = [np.full(count + 4, np.inf) for _ in range(2)]
    shifts = np.diff(lows, prepend=lows[0])
    for s, low in enumerate(lows):
        index = np.arange(low, low + count)
        valid = (index >= max(0, s - len(second) + 1)) & (
            index <= min(s, len(first) - 1)
        )
        index = index[valid]
        apart = first[index] - second[s - index]
        cost = np.full(count, np.inf)
        cost[valid] = np.einsum('id,id->i', apart, apart)
        # Row i is at i - low + 2 of what is kept.
        one, two = shifts[s], shifts[s] + shifts[s - 1]
        if s == 0:
            least = np.where(index[0] == low + np.arange(count), 0.0, np.inf)
            origins[s] = 0
        else:
            choices = np.stack(
                [
                    before[0][1 + two :][:count],
                    before[1][2 + one :][:count],
                    before[1][1 + one :][:count],
                ]
            )
            origins[s] = choices.argmin(0)
            least = choices.min(0)
        kept = before.pop(0)
        kept.fill(np.inf)
        kept[2 : 2 + count] = least + cost
        before.append(kept)
    i, j = len(first) - 1, len(second) - 1
    path = [(i, j)]
    while i or j:
        origin = origins[i + j, i - lows[i + j]]
        i, j = i - (origin != 1), j - (origin != 2)
        path.append((i, j))
    return np.array(path[::-1], dtype=np.int64)


class _Tiles:
    """Dynamic time warping that keeps the seams between tiles alone.

    With the cumulative cost ``D[i, j]`` of the cheapest path to a pair and
    the squared distance ``c[i, j]``,

        D[i, j] = c[i, j] + min(D[i - 1, j - 1], D[i - 1, j], D[i, j - 1]).

    All of an antidiagonal ``i + j = s`` follow from the two before it at
    once. Stripes of ``HEIGHT`` frames of the first sequence are worked off
    one after the other, in tiles of ``LENGTH`` antidiagonals. What is kept
    is the row above each stripe and the two antidiagonals before each tile.
    The path is then followed backwards, and the tiles that it leads through
    are computed again.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray):
        self.first, self.second = first, second
        self.height = min(HEIGHT, len(first))
        diagonals = len(second) + self.height - 1
        self.length = min(LENGTH, diagonals)
        self.tiles = -(-diagonals // self.length)
        # By stripe: D[i - 1, j] at j + 1, for the row i that it begins with.
        self.above: list[np.ndarray] = []
        # By stripe and tile.
        self.heads: list[list[np.ndarray]] = []
        # Of the tile at hand: c by column and row, and D by antidiagonal and
        # row, each with the one row or two antidiagonals before the tile.
        shape = self.length + self.height - 1, self.height
        self._distances = np.empty(shape)
        self._costs = np.empty((self.length + 2, self.height + 1))

    def path(self) -> np.ndarray:
        """Return the pairs of frames, (P, 2)."""
        above = np.full(self.tiles * self.length + 2, np.inf)
        above[0] = 0
        for stripe in range(-(-len(self.first) // self.height)):
            above = self._fill_stripe(stripe, above)
        return self._walk_back()

    def _fill_stripe(self, stripe: int, above: np.ndarray) -> np.ndarray:
        """Work off a stripe; return its last row, for the next one."""
        head = np.full((2, self.height + 1), np.inf)
        head[:, 0] = above[:2]
        self.above.append(above)
        self.heads.append([])
        below = np.full_like(above, np.inf)
        # Where the last row of antidiagonal 0 would be.
        offset = 2 - self.height
        for tile in range(self.tiles):
            self.heads[stripe].append(head)
            costs = self._fill(stripe, tile)
            head = costs[-2:].copy()
            start = tile * self.length + offset
            skipped = max(1 - start, 0)
            row = costs[2 + skipped :, -1]
            below[start + skipped :][: len(row)] = row
        return below

    def _fill(self, stripe: int, tile: int) -> np.ndarray:
        """Compute D of a tile, (2 + LENGTH, 1 + HEIGHT)."""
        rows = self.first[stripe * self.height :][: self.height]
        start = tile * self.length
        distances, costs = self._distances, self._costs
        distances.fill(np.inf)
        column = start - self.height + 1
        columns = slice(max(column, 0), start + self.length)
        part = scipy.spatial.distance.cdist(
            self.second[columns], rows, 'sqeuclidean'
        )
        begin = columns.start - column
        distances[begin : begin + len(part), : len(rows)] = part
        # The same numbers by antidiagonal and row.
        step = distances.itemsize
        skewed = as_strided(
            distances[self.height - 1 :],
            (self.length, self.height),
            (self.height * step, (1 - self.height) * step),
            writeable=False,
        )
        costs[:2] = self.heads[stripe][tile]
        costs[2:, 0] = self.above[stripe][start + 2 :][: self.length]
        own, upper = list(costs[:, 1:]), list(costs[:, :-1])
        for row, left, up, both, distance in zip(
            own[2:], own[1:], upper[1:], upper, skewed, strict=False
        ):
            np.minimum(left, up, out=row)
            np.minimum(row, both, out=row)
            np.add(row, distance, out=row)
        return costs

    def _walk_back(self) -> np.ndarray:
        i, j = len(self.first) - 1, len(self.second) - 1
        path = []
        while i >= 0:
            stripe, row = divmod(i, self.height)
            tile, diagonal = divmod(row + j, self.length)
            # Single numbers are read faster from it than from an array.
            costs = self._fill(stripe, tile).data
            while diagonal >= 0 and row >= 0:
                path.append((i, j))
                both = costs[diagonal, row]
                up = costs[diagonal + 1, row]
                left = costs[diagonal + 1, row + 1]
                if both <= min(up, left):
                    i, j, row, diagonal = i - 1, j - 1, row - 1, diagonal - 2
                elif left <= up:
                    j, diagonal = j - 1, diagonal - 1
                else:
                    i, row, diagonal = i - 1, row - 1, diagonal - 1
        return np.array(path[::-1], dtype=np.int64)
