import numpy as np
import pytest

from masa.alignment import align_pair
from masa.alignment.path_costs import mean_path_costs, squared_distances


def mean_by_loops(sequence, reference):
    """Mean squared distance along the path, steps followed backwards."""
    rows, columns = len(sequence), len(reference)
    cost = [[float(((a - b) ** 2).sum()) for b in reference] for a in sequence]
    least = np.full((rows + 1, columns + 1), np.inf)
    least[0, 0] = 0
    for i in range(rows):
        for j in range(columns):
            least[i + 1, j + 1] = cost[i][j] + min(
                least[i, j], least[i + 1, j], least[i, j + 1]
            )
    i, j, pairs = rows, columns, 1
    while (i, j) != (1, 1):
        steps = [(i - 1, j - 1), (i, j - 1), (i - 1, j)]
        i, j = min(steps, key=lambda step: least[step])
        pairs += 1
    return least[rows, columns] / pairs


@pytest.mark.parametrize('frames', [(1, 1), (1, 5), (6, 1), (2, 3), (9, 7)])
def test_equals_loops(frames):
    rng = np.random.default_rng(0)
    # Whole numbers, so that paths of one cost are many.
    sequences = rng.integers(0, 3, (40, frames[0], 2)).astype(float)
    reference = rng.integers(0, 3, (frames[1], 2)).astype(float)
    expected = [mean_by_loops(one, reference) for one in sequences]
    np.testing.assert_allclose(mean_path_costs(sequences, reference), expected)


def test_equals_aligning_each_pair():
    rng = np.random.default_rng(1)
    # More than are filled at once.
    sequences = rng.normal(size=(150, 12, 3))
    reference = rng.normal(size=(10, 3))
    expected = [align_pair(one, reference).cost for one in sequences]
    np.testing.assert_allclose(mean_path_costs(sequences, reference), expected)
    assert mean_path_costs(sequences[:0], reference).shape == (0,)


def test_equal_sequences_cost_nothing():
    sequence = 1e3 + np.random.default_rng(2).normal(size=(20, 4))
    (cost,) = mean_path_costs(sequence[None], sequence)
    assert 0 <= cost < 1e-6


def test_squared_distances_by_loops():
    rng = np.random.default_rng(3)
    frames, reference = rng.normal(size=(2, 4, 5)), rng.normal(size=(3, 5))
    found = squared_distances(frames, reference)
    for n, t, r in np.ndindex(2, 4, 3):
        expected = ((frames[n, t] - reference[r]) ** 2).sum()
        assert found[n, t, r] == pytest.approx(expected)
