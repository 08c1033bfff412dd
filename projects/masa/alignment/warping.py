import numpy as np
from dtaidistance import dtw, dtw_ndim
from numpy.lib.stride_tricks import as_strided
from scipy.spatial.distance import cdist

# Up to this many pairs of frames dtaidistance, which is faster but keeps a
# table of them all, takes 128 MiB at most.
TABLE_ENTRIES = 2**24
# Of a partial path, which keeps ten bytes for each: 320 MiB.
PARTIAL_ENTRIES = 2**25
# Of a tile: rows, which bound the memory, and antidiagonals.
HEIGHT, LENGTH = 512, 2048


def warping_path(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Find the path of dynamic time warping.

    The path leads from the first frames to the last ones in steps of (1, 1),
    (1, 0) and (0, 1), with the least sum of squared Euclidean distances.
    Where several steps back are equally cheap, (1, 1) is taken before
    (0, 1), and (0, 1) before (1, 0). The time is proportional to T * S; the
    memory is bounded by 128 MiB or, for longer sequences, about T * S / 40
    bytes.

    Args:
        first (np.ndarray): (T, D) float64, C-contiguous, without what
            :func:`~masa.embeddings.checks.check_sequences`
            refuses.
        second (np.ndarray): (S, D) likewise.

    Returns:
        np.ndarray: Pairs of frames, (P, 2) int64.
    """
    if len(first) * len(second) > TABLE_ENTRIES:
        return _Tiles(first, second).path()
    if first.shape[1] == 1:
        # dtw_ndim takes two dimensions or more.
        path = dtw.warping_path(first[:, 0], second[:, 0], use_c=True)
    else:
        path = dtw_ndim.warping_path(first, second, use_c=True)
    return np.array(path, dtype=np.int64)


def partial_path(
    first: np.ndarray, second: np.ndarray, skip: float
) -> np.ndarray:
    """Find the cheapest path that may leave frames of both out.

    Every frame of both sequences is either matched, or left out at the price
    ``skip``, anywhere. With the squared distance ``c[i, j]``, ``M`` the least
    cost of what ends with a matched pair and ``D`` of all,

        M[i, j] = min(D[i - 1, j - 1] + 2 c[i, j],
                      M[i - 1, j] + c[i, j], M[i, j - 1] + c[i, j])
        D[i, j] = min(M[i, j], D[i - 1, j] + skip, D[i, j - 1] + skip),

    so that a pair is worth its place if its distance is below ``skip``. That
    is Drop-DTW (Dvornik et al., 2021) with one price, for both sequences, and
    with the symmetric weights of Sakoe and Chiba (1978), by which all paths
    through the same frames weigh the same.

    Args:
        first (np.ndarray): (T, D) float64.
        second (np.ndarray): (S, D) float64.
        skip (float): Price of a frame that is left out, 0 or more.

    Returns:
        np.ndarray: Matched pairs of frames, (P, 2) int64, possibly none. Of
        equally cheap choices a match goes before leaving out.

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
    distances = cdist(first, second, 'sqeuclidean').ravel()
    # By row i + 1; an antidiagonal is i + j. What M and D come from.
    origins = np.zeros((2, rows + columns - 1, rows), np.uint8)
    matched = [np.full(rows + 1, np.inf) for _ in range(3)]
    best = [np.full(rows + 1, np.inf) for _ in range(3)]
    # Before any pair: the frames before it were left out.
    best[0][0] = 0
    best[1][0] = best[1][1] = skip
    for s in range(rows + columns - 1):
        low, high = max(0, s - columns + 1), min(rows, s + 1)
        # The pair (i, s - i) of the flattened distances.
        cost = distances[s + np.arange(low, high) * (columns - 1)]
        inner = slice(low + 1, high + 1)
        outer = slice(low, high)
        choices = np.stack(
            [
                best[0][outer] + 2 * cost,
                matched[1][outer] + cost,
                matched[1][inner] + cost,
            ]
        )
        origins[0, s, low:high] = choices.argmin(0)
        matched[2].fill(np.inf)
        matched[2][inner] = choices.min(0)
        choices = np.stack(
            [
                matched[2][inner],
                best[1][outer] + skip,
                best[1][inner] + skip,
            ]
        )
        origins[1, s, low:high] = choices.argmin(0)
        best[2].fill(np.inf)
        best[2][inner] = choices.min(0)
        # Of the next but one antidiagonal, i or j is -1.
        best[2][0] = (s + 2) * skip
        if s + 2 <= rows:
            best[2][s + 2] = (s + 2) * skip
        matched.append(matched.pop(0))
        best.append(best.pop(0))
    return _matched_pairs(origins)


def _matched_pairs(origins: np.ndarray) -> np.ndarray:
    """Follow the origins of M and D backwards from the last pair."""
    i = origins.shape[2] - 1
    j = origins.shape[1] - 1 - i
    path = []
    in_match = False
    while i >= 0 and j >= 0:
        origin = origins[0 if in_match else 1, i + j, i]
        if in_match:
            path.append((i, j))
            in_match = origin > 0
            i, j = i - (origin < 2), j - (origin != 1)
        elif origin == 0:
            in_match = True
        else:
            i, j = i - (origin == 1), j - (origin == 2)
    return np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


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
        part = cdist(self.second[columns], rows, 'sqeuclidean')
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
