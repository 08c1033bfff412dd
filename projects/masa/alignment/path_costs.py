import numpy as np

# Sequences whose tables are filled at once: they stay in the cache.
TOGETHER = 128


def mean_path_costs(
    sequences: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """Compute the costs of aligning many sequences with a reference.

    The cost of each is that of :func:`~masa.alignment.align_pair`: the mean
    squared distance of the pairs on the path of dynamic time warping. With
    the least sum ``D[i, j]`` of a path to a pair and ``L[i, j]`` its number of
    pairs, the antidiagonals of all sequences are filled together,

        D[i, j] = c[i, j] + min(D[i - 1, j - 1], D[i, j - 1], D[i - 1, j])

    and ``L[i, j]`` is one more than that of the first of these three that is
    least.

    Args:
        sequences (np.ndarray): (N, M, D) floating point numbers.
        reference (np.ndarray): (R, D) float64.

    Returns:
        np.ndarray: (N,) float64.

    Example:
        >>> import numpy as np
        >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3.0)[:, None]
        >>> mean_path_costs(slow[None], fast).tolist()
        [0.1]
    """
    return np.concatenate(
        [
            np.empty(0),
            *(
                _fill(
                    squared_distances(sequences[i : i + TOGETHER], reference)
                )
                for i in range(0, len(sequences), TOGETHER)
            ),
        ]
    )


def squared_distances(frames: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Compute squared distances by a product of matrices.

    In a tenth of the time of SciPy's ``cdist``, but exact only up to the
    rounding of the squared lengths.

    Args:
        frames (np.ndarray): (..., D) floating point numbers.
        reference (np.ndarray): (R, D) float64.

    Returns:
        np.ndarray: (..., R) float64, 0 or more.
    """
    frames = frames.astype(np.float64, copy=False)
    found = frames @ (-2 * reference.T)
    found += np.einsum('...d,...d->...', frames, frames)[..., None]
    found += np.einsum('rd,rd->r', reference, reference)
    return np.maximum(found, 0, out=found)


def _fill(distances: np.ndarray) -> np.ndarray:
    """Fill the tables of (N, M, R), and return the means (N,)."""
    count, rows, columns = distances.shape
    flat = np.ascontiguousarray(distances.reshape(count, -1).T)
    # Of two antidiagonals and the next, by row i + 1; before and after the
    # rows that an antidiagonal has, sums are infinite.
    sums = [np.full((rows + 1, count), np.inf) for _ in range(3)]
    pairs = [np.zeros((rows + 1, count)) for _ in range(3)]
    for s in range(rows + columns - 1):
        low, high = max(0, s - columns + 1), min(rows, s + 1)
        own, up = slice(low + 1, high + 1), slice(low, high)
        if s == 0:
            least = np.zeros((1, count))
            length = np.zeros((1, count))
        else:
            both, left, above = sums[0][up], sums[1][own], sums[1][up]
            least = np.minimum(np.minimum(both, left), above)
            length = np.where(
                both == least,
                pairs[0][up],
                np.where(left == least, pairs[1][own], pairs[1][up]),
            )
        sums[2].fill(np.inf)
        # The pairs (i, s - i) of the flattened distances.
        index = s + np.arange(low, high) * (columns - 1)
        np.add(least, flat[index], out=sums[2][own])
        np.add(length, 1, out=pairs[2][own])
        sums.append(sums.pop(0))
        pairs.append(pairs.pop(0))
    return sums[1][rows] / pairs[1][rows]
