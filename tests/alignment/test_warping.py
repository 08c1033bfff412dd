import tracemalloc

import numpy as np
import pytest

from masa.alignment import (
    align_all,
    align_pair,
    anomaly_score,
    retrieve_frames,
    transfer_labels,
    warping,
)
from masa.evaluation.functional import kendalls_tau

pytestmark = pytest.mark.filterwarnings('ignore:all frames of a sequence')


def plain_path(first, second):
    """Dynamic time warping by its definition, in a table."""
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = ((a - b) ** 2).sum() + before
    path, (i, j) = [], total.shape
    i, j = i - 1, j - 1
    while i and j:
        path.append((i - 1, j - 1))
        steps = [(i - 1, j - 1), (i, j - 1), (i - 1, j)]
        i, j = min(steps, key=lambda step: total[step])
    return np.array(path[::-1])


@pytest.fixture(params=['table', 'tiles'])
def way(request, monkeypatch):
    if request.param == 'tiles':
        monkeypatch.setattr(warping, 'TABLE_ENTRIES', 0)


@pytest.mark.parametrize('width', [1, 3])
@pytest.mark.parametrize(
    'lengths', [(1, 1), (1, 9), (9, 1), (8, 8), (16, 5), (23, 40)]
)
@pytest.mark.parametrize('tile', [(8, 16), (5, 7), (1, 1), (100, 3), (3, 100)])
def test_path_is_that_of_the_definition(
    way, lengths, width, tile, monkeypatch
):
    """Also where steps are equally cheap: whole numbers are full of ties."""
    monkeypatch.setattr(warping, 'HEIGHT', tile[0])
    monkeypatch.setattr(warping, 'LENGTH', tile[1])
    rng = np.random.default_rng(0)
    for draw in (
        lambda n: rng.integers(0, 3, (n, width)).astype(float),
        lambda n: rng.normal(size=(n, width)).cumsum(axis=0),
    ):
        first, second = map(draw, lengths)
        np.testing.assert_array_equal(
            align_pair(first, second).path, plain_path(first, second)
        )


def test_long_sequences_take_little_memory(monkeypatch):
    """A hundredth of the table of all pairs."""
    monkeypatch.setattr(warping, 'TABLE_ENTRIES', 2**20)
    monkeypatch.setattr(warping, 'HEIGHT', 64)
    monkeypatch.setattr(warping, 'LENGTH', 256)
    times = np.linspace(0, 9, 3000)
    rates = np.arange(1, 4)
    first, second = (np.sin(t[:, None] * rates) for t in (times, times**2 / 9))
    tracemalloc.start()
    found = align_pair(first, second)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 3000**2 / 10
    matched = found.match_first()
    assert np.abs(times[matched] ** 2 / 9 - times).max() < 0.02


def same_numbers(values):
    """Ways to hand over the same numbers."""
    yield from (
        values.astype(kind)
        for kind in ('f2', 'f4', 'f8', 'longdouble', 'i1', 'u1', 'i8')
    )
    yield np.asfortranarray(values)
    yield np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::3]
    yield values[::-1].copy()[::-1]


@pytest.mark.parametrize('length', [1, 7])
@pytest.mark.parametrize('width', [1, 3])
def test_any_type_order_and_width(way, length, width):
    rng = np.random.default_rng(1)
    drawn = [
        rng.integers(0, 100, (n, width)).astype(float)
        for n in (length, 5, 1, 9)
    ]
    path = plain_path(drawn[0], drawn[1])
    for first, *others in zip(*map(same_numbers, drawn), strict=True):
        np.testing.assert_array_equal(align_pair(first, others[0]).path, path)
        nearest = align_pair(first, others[0], 'nearest')
        for frame, (_, match) in zip(drawn[0], nearest.path, strict=True):
            every = [((frame - one) ** 2).sum() for one in drawn[1]]
            assert match == np.argmin(every)
        found = [
            align_all([first, *others]),
            anomaly_score(first, others),
            transfer_labels(first, np.arange(length), others),
            retrieve_frames(first[0], others),
            kendalls_tau([first, *others]),
        ]
        expected = [
            align_all(drawn),
            anomaly_score(drawn[0], drawn[1:]),
            transfer_labels(drawn[0], np.arange(length), drawn[1:]),
            retrieve_frames(drawn[0][0], drawn[1:]),
            kendalls_tau(drawn),
        ]
        np.testing.assert_equal(found, expected)


@pytest.mark.parametrize(
    'values',
    [
        np.arange(5.0),
        np.array(3.0),
        np.zeros((0, 2)),
        np.zeros((2, 0)),
        np.zeros((2, 2, 2)),
        np.zeros((3, 2), dtype=complex),
        np.array([['a', 'b']]),
        np.array([[None, 1]]),
        np.full((3, 2), np.inf),
        np.full((3, 2), 1e160),
    ],
)
def test_what_is_no_sequence(values):
    good = np.zeros((4, 2))
    for call in (
        lambda: align_pair(values, good),
        lambda: align_pair(good, values, 'nearest'),
        lambda: align_all([good, values]),
        lambda: align_all([values]),
        lambda: anomaly_score(good, [values]),
        lambda: anomaly_score(values, [good]),
        lambda: transfer_labels(values, [1], [good]),
        lambda: retrieve_frames(good[0], [values]),
        lambda: kendalls_tau([good, values]),
    ):
        with pytest.raises(ValueError, match='embeddings'):
            call()
    if np.ndim(values) != 1:
        with pytest.raises(ValueError, match='query'):
            retrieve_frames(values, [good])


def cost_of(path, first, second):
    return ((first[path[:, 0]] - second[path[:, 1]]) ** 2).sum()


@pytest.mark.parametrize(
    'lengths', [(1, 1), (1, 9), (9, 1), (2, 2), (16, 5), (23, 40), (40, 40)]
)
def test_a_wide_band_holds_the_cheapest_path(lengths):
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(n, 3)).cumsum(0) for n in lengths)
    rows = np.linspace(0, lengths[0] - 1, sum(lengths) - 1)
    path = warping._path_in_band(first, second, rows, max(lengths))
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [lengths[0] - 1, lengths[1] - 1]
    np.testing.assert_allclose(
        cost_of(path, first, second),
        cost_of(plain_path(first, second), first, second),
    )


@pytest.mark.parametrize('lengths', [(300, 300), (300, 171), (97, 400)])
def test_very_long_sequences_are_aligned_near_a_coarse_path(
    lengths, monkeypatch
):
    monkeypatch.setattr(warping, 'EXACT_ENTRIES', 10_000)
    monkeypatch.setattr(warping, 'COARSE_ENTRIES', 900)

    def curve(times):
        return np.stack([np.sin(times), np.cos(1.7 * times)], axis=1)

    first = curve(np.linspace(0, 12, lengths[0]))
    second = curve(12 * np.linspace(0, 1, lengths[1]) ** 1.4)
    path = warping.warping_path(first, second)
    exact = plain_path(first, second)
    assert cost_of(path, first, second) <= 1.01 * cost_of(exact, first, second)


def test_blocks_are_averaged():
    frames = np.arange(10.0).reshape(5, 2)
    expected = [[1, 2], [5, 6], [8, 9]]
    assert warping._block_means(frames, 2).tolist() == expected
