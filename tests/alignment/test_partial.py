import numpy as np
import pytest

from masa.alignment import align_all, align_pair, transfer_labels, warping
from masa.alignment.warping import matched_frames, partial_path


def plain_price(first, second, skip):
    """The least price of all paths, by the definition, in two tables."""
    shape = len(first) + 1, len(second) + 1
    best, matched = np.full(shape, np.inf), np.full(shape, np.inf)
    best[:, 0] = skip * np.arange(shape[0])
    best[0] = skip * np.arange(shape[1])
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            cost = ((a - b) ** 2).sum()
            matched[i, j] = min(
                best[i - 1, j - 1] + 2 * cost,
                matched[i - 1, j] + cost,
                matched[i, j - 1] + cost,
            )
            best[i, j] = min(
                matched[i, j], best[i - 1, j] + skip, best[i, j - 1] + skip
            )
    return best[-1, -1]


def price_of(path, first, second, skip):
    """What a path costs: both frames of a step, and what it leaves out."""
    total, before = 0, None
    for i, j in path.tolist():
        steps = 2
        if before:
            assert i >= before[0]
            assert j >= before[1]
            steps = (i > before[0]) + (j > before[1])
            assert steps
        total += steps * ((first[i] - second[j]) ** 2).sum()
        before = i, j
    left = len(first) - len({i for i, _ in path.tolist()})
    left += len(second) - len({j for _, j in path.tolist()})
    return total + skip * left


@pytest.mark.parametrize(
    'lengths', [(1, 1), (1, 6), (6, 1), (2, 2), (5, 9), (9, 5), (14, 14)]
)
@pytest.mark.parametrize('skip', [0.0, 0.3, 1.0, 100.0])
def test_no_path_is_cheaper(lengths, skip):
    rng = np.random.default_rng(0)
    for draw in (
        lambda n: rng.integers(0, 3, (n, 2)).astype(float),
        lambda n: rng.normal(size=(n, 2)).cumsum(axis=0),
    ):
        first, second = map(draw, lengths)
        path = partial_path(first, second, skip)
        np.testing.assert_allclose(
            price_of(path, first, second, skip),
            plain_price(first, second, skip),
            rtol=1e-12,
        )


def test_nothing_in_common_leaves_all_out():
    alignment = align_pair(
        np.zeros((4, 2)), np.full((3, 2), 9.0), 'partial', 1
    )
    assert alignment.path.shape == (0, 2)
    assert np.isnan(alignment.cost)
    assert alignment.match_first().tolist() == [-1] * 4
    assert alignment.reverse().match_first().tolist() == [-1] * 3


def test_ends_and_an_interruption_are_left_out():
    """One begins earlier and ends earlier, and is interrupted."""
    whole = np.stack([np.linspace(0, 6, 61), np.zeros(61)], axis=1)
    middle = np.concatenate(
        [whole[10:30], np.full((7, 2), 50.0), whole[30:50]]
    )
    alignment = align_pair(whole, middle, 'partial', 0.1)
    expected = np.full(61, -1)
    expected[10:30] = np.arange(20)
    expected[30:50] = np.arange(27, 47)
    matched = alignment.match_first()
    # At the ends, frames that are next to the last common one go with it.
    assert (matched[13:47] == expected[13:47]).all()
    assert (matched[:7] == -1).all()
    assert (matched[53:] == -1).all()
    assert (alignment.reverse().match_first()[20:27] == -1).all()


def test_default_price_depends_on_the_sequences():
    """Scaled embeddings are aligned in the same way."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(20, 3)).cumsum(0)
    second = np.concatenate([first[5:], rng.normal(size=(8, 3)) + 20])
    found = align_pair(first, second, 'partial')
    scaled = align_pair(7 * first, 7 * second, 'partial')
    np.testing.assert_array_equal(found.path, scaled.path)
    assert (found.reverse().match_first()[15:] == -1).all()


def test_matched_frames_of_no_pair():
    path = np.empty((0, 2), np.int64)
    assert matched_frames(path, 2).tolist() == [-1, -1]


def test_moment_without_counterpart_is_none():
    first, second = np.arange(5.0)[:, None], np.arange(2.0, 9)[:, None]
    times = np.arange(5) / 10, np.arange(7) / 5
    alignment = align_pair(first, second, 'partial', 0.1)._replace(times=times)
    assert alignment.at(0.05) is None
    assert alignment.at(0.2) == 0
    assert alignment.at(0.25) == pytest.approx(0.1)
    assert alignment.at(0.5) is None
    assert alignment.at(-0.1) is None
    with pytest.raises(ValueError, match='frame_rate'):
        alignment._replace(times=None).at(0.2)


def test_all_on_a_timeline():
    whole = np.arange(40.0)[:, None]
    timeline = align_all([whole, whole[30:], whole + 1e6], 0, 'partial')
    assert (timeline.frames[1, :15] == -1).all()
    assert timeline.frames[1, 31:].tolist() == list(range(1, 10))
    assert (timeline.frames[2] == -1).sum() >= 39


def test_wrong_arguments(monkeypatch):
    frames = np.zeros((3, 1)) + np.arange(3)[:, None]
    with pytest.raises(ValueError, match='skip'):
        align_pair(frames, frames, 'partial', -1)
    with pytest.raises(ValueError, match='skip'):
        align_pair(frames, frames, 'dtw', 1)
    with pytest.raises(ValueError, match='method'):
        transfer_labels(frames, [0, 1, 2], [frames], 'partial')
    monkeypatch.setattr(warping, 'PARTIAL_ENTRIES', 8)
    with pytest.raises(ValueError, match='8'):
        align_pair(frames, frames, 'partial')
