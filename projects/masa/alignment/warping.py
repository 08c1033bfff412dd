import numpy as np
from dtaidistance import dtw, dtw_ndim
from numpy.lib.stride_tricks import as_strided
from scipy.spatial.distance import cdist

# Up to this many pairs of frames dtaidistance, which is faster but keeps a
# table of them all, takes 128 MiB at most.
TABLE_ENTRIES = 2**24
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


def matched_frames(path: np.ndarray) -> np.ndarray:
    """Match one frame of the second sequence to each of the first.

    Args:
        path (np.ndarray): Pairs of frames in the order of the first
            sequence, all of whose frames have one, (P, 2).

    Returns:
        np.ndarray: Frames of the second sequence, (T,); the middle one where
        several are paired with a frame, of two the first.

    Example:
        >>> import numpy as np
        >>> from masa.alignment.warping import matched_frames
        >>> matched_frames(np.array([[0, 0], [0, 1], [0, 2], [1, 3]])).tolist()
        [1, 3]
    """
    starts = np.flatnonzero(np.diff(path[:, 0], prepend=-1))
    counts = np.diff(starts, append=len(path))
    return path[starts + (counts - 1) // 2, 1]


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
