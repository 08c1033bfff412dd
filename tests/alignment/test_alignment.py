import warnings

import numpy as np
import pytest

from masa.alignment import (
    align_all,
    align_pair,
    anomaly_score,
    central_sequence,
    pair,
    retrieve_frames,
    transfer_labels,
)
from masa.evaluation.functional import CollapseWarning


def least_cost(first, second):
    """Dynamic time warping by its definition."""
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = ((a - b) ** 2).sum() + before
    return total[-1, -1]


def curve(times, width=6):
    """Embeddings that move steadily through space."""
    rates = np.arange(1, width + 1)
    return np.stack([np.sin(times * r) for r in rates], axis=1)


@pytest.mark.parametrize('lengths', [(1, 1), (1, 9), (9, 1), (12, 17)])
@pytest.mark.parametrize('seed', range(4))
def test_warping_path_is_the_cheapest(lengths, seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.normal(size=(n, 3)) for n in lengths)
    found = align_pair(first, second)
    path = found.path
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1 for n in lengths]
    steps = {tuple(step) for step in np.diff(path, axis=0)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    expected = [((first[i] - second[j]) ** 2).sum() for i, j in path]
    np.testing.assert_allclose(found.distances, expected)
    np.testing.assert_allclose(sum(expected), least_cost(first, second))
    np.testing.assert_allclose(found.cost, np.mean(expected))


def test_nearest_takes_every_frame_on_its_own():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(8, 3)), rng.normal(size=(5, 3))
    found = align_pair(first, second, 'nearest')
    for (i, j), distance in zip(found.path, found.distances, strict=True):
        every = [((first[i] - frame) ** 2).sum() for frame in second]
        assert j == np.argmin(every)
        assert distance == pytest.approx(min(every))
    assert found.path[:, 0].tolist() == list(range(8))


def test_a_known_warp_is_found():
    times = np.linspace(0, 3, 60)
    warped = 3 * (np.linspace(0, 1, 90) ** 1.5)
    matched = align_pair(curve(times), curve(warped)).match_first()
    assert (np.diff(matched) >= 0).all()
    assert np.abs(warped[matched] - times).max() < 0.06


def test_match_first_takes_the_middle():
    alignment = pair.Alignment(
        np.array([[0, 0], [0, 1], [0, 2], [1, 2], [2, 3], [2, 4]]),
        0.0,
        np.arange(6.0),
        (3, 5),
    )
    assert alignment.match_first().tolist() == [1, 2, 3]
    back = alignment.reverse()
    assert back.path.tolist() == [
        [0, 0],
        [1, 0],
        [2, 0],
        [2, 1],
        [3, 2],
        [4, 2],
    ]
    assert back.distances.tolist() == [0, 1, 2, 3, 4, 5]
    assert back.match_first().tolist() == [0, 0, 0, 2, 2]


def test_what_cannot_be_aligned():
    frames = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"'dtw', 'nearest'.*'x'"):
        align_pair(frames, frames, 'x')
    with pytest.raises(ValueError, match='3'):
        align_pair(frames, np.zeros((4, 3)))
    with pytest.raises(ValueError, match='finite'):
        align_pair(frames, np.full((4, 2), np.nan))


def test_timeline_of_the_central_sequence():
    speeds = [lambda t: t, lambda t: t**1.3, lambda t: 1 - (1 - t) ** 1.2]
    lengths = [50, 70, 40]
    times = [
        speed(np.linspace(0, 1, n)) * 3
        for speed, n in zip(speeds, lengths, strict=True)
    ]
    sequences = [curve(t) for t in times]
    # An odd one is not the reference of the others.
    sequences.append(curve(np.linspace(0, 3, 30)) + 5)
    timeline = align_all(sequences)
    assert timeline.reference != 3
    assert timeline.costs[timeline.reference] == 0
    assert timeline.costs.argmax() == 3
    reference = times[timeline.reference]
    assert timeline.frames.shape == (4, len(reference))
    assert (np.diff(timeline.frames, axis=1) >= 0).all()
    for own, frames in zip(times, timeline.frames, strict=False):
        assert np.abs(own[frames] - reference).max() < 0.15


@pytest.mark.parametrize('lengths', [(1, 1), (1, 5, 2), (40, 64, 7, 200, 33)])
def test_central_sequence_is_the_medoid_of_resampled_ones(lengths):
    rng = np.random.default_rng(len(lengths))
    sequences = [rng.normal(size=(n, 3)).cumsum(0) for n in lengths]
    points = [
        np.concatenate(
            [
                np.interp((k + 0.5) / 32 * len(s) - 0.5, range(len(s)), axis)
                for axis in s.T
                for k in range(32)
            ],
            axis=None,
        )
        for s in sequences
    ]
    totals = [sum(((p - q) ** 2).sum() for q in points) for p in points]
    assert central_sequence(sequences) == np.argmin(totals)


def test_timeline_of_a_given_reference():
    sequences = [curve(np.linspace(0, 3, n)) for n in (10, 20)]
    timeline = align_all(sequences, reference=1)
    assert timeline.frames.shape == (2, 20)
    assert timeline.frames[1].tolist() == list(range(20))
    still = align_all([np.ones((4, 2)), np.ones((6, 2))], reference=0)
    assert still.frames[0].tolist() == [0, 1, 2, 3]
    back = align_all(
        [sequences[0], sequences[0][::-1]], reference=0, method='nearest'
    )
    assert back.frames[1].tolist() == list(range(10))[::-1]
    with pytest.raises(ValueError, match=r'reference.*2'):
        align_all(sequences, reference=2)
    with pytest.raises(ValueError, match='got none'):
        align_all([])


def test_retrieval_gives_one_frame_a_sequence():
    rng = np.random.default_rng(3)
    sequences = [rng.normal(size=(n, 4)) for n in (5, 9, 2, 7)]
    query = rng.normal(size=4)
    nearest = sorted(
        min(
            (((frame - query) ** 2).sum(), i, t)
            for t, frame in enumerate(sequence)
        )
        for i, sequence in enumerate(sequences)
    )
    found = retrieve_frames(query, sequences, k=3)
    assert [(m.sequence, m.frame) for m in found] == [
        (i, t) for _, i, t in nearest[:3]
    ]
    np.testing.assert_allclose(
        [m.distance for m in found], [d for d, _, _ in nearest[:3]]
    )
    assert len(retrieve_frames(query, sequences, k=9)) == 4
    assert retrieve_frames(query, []) == []
    with pytest.raises(ValueError, match=r'k .*0'):
        retrieve_frames(query, sequences, k=0)


def test_labels_keep_their_order():
    labels = np.array(['up', 'up', 'down', 'down', 'up'])
    labelled = curve(np.array([0, 0.5, 1.5, 2, 3]))
    other = curve(np.array([0, 0.1, 0.5, 1.4, 1.6, 2.1, 2.9, 3]))
    (found,) = transfer_labels(labelled, labels, [other])
    assert found.tolist() == [
        'up',
        'up',
        'up',
        'down',
        'down',
        'down',
        'up',
        'up',
    ]
    (nearest,) = transfer_labels(labelled, labels, [other[::-1]], 'nearest')
    assert nearest.tolist() == found[::-1].tolist()
    with pytest.raises(ValueError, match=r'5 frames.*\(4,\)'):
        transfer_labels(labelled, labels[:4], [other])


class TestAnomaly:
    @pytest.fixture
    def references(self):
        rng = np.random.default_rng(0)
        return [
            curve(3 * np.linspace(0, 1, n) ** power)
            + 0.02 * rng.normal(size=(n, 6))
            for n, power in ((50, 1), (60, 1.2), (45, 0.8))
        ]

    @pytest.fixture
    def usual(self):
        rng = np.random.default_rng(1)
        times = 3 * np.linspace(0, 1, 55) ** 1.1
        return curve(times) + 0.02 * rng.normal(size=(55, 6))

    def test_usual_frames_score_about_one(self, references, usual):
        score = anomaly_score(usual, references)
        assert score.shape == (55,)
        assert 0.3 < np.median(score) < 2
        # Far below what departs, in the tests that follow.
        assert score.max() < 8

    def test_another_movement(self, references, usual):
        odd = usual.copy()
        odd[20:26] += 1
        score = anomaly_score(odd, references)
        assert score[20:26].min() > 10
        assert np.median(score[:15]) < 2

    def test_a_part_left_out(self, references, usual):
        skipped = np.concatenate([usual[:20], usual[35:]])
        score = anomaly_score(skipped, references)
        assert 18 <= score.argmax() <= 21
        assert score.max() > 10
        assert np.median(score[:15]) < 2

    def test_a_part_backwards(self, references, usual):
        back = usual.copy()
        back[15:40] = usual[15:40][::-1]
        score = anomaly_score(back, references)
        assert 15 <= score.argmax() <= 39
        assert score.max() > 10

    def test_single_reference(self, usual):
        assert (anomaly_score(usual, [usual]) == 0).all()
        (moved,) = anomaly_score(usual[:1] + 2, [usual[:1]])
        assert moved == pytest.approx(24)

    def test_no_reference(self, usual):
        with pytest.raises(ValueError, match='got none'):
            anomaly_score(usual, [])

    def test_equal_references(self, usual):
        score = anomaly_score(usual, [usual, usual])
        assert (score == 0).all()


@pytest.mark.parametrize('method', ['dtw', 'nearest'])
def test_a_collapsed_embedding_is_warned_of(method):
    flat = np.full((9, 4), 0.3)
    walk = np.arange(9.0)[:, None] * np.ones(4)
    for both in ((flat, flat), (flat, walk), (walk, flat + 1e-7 * walk)):
        with pytest.warns(CollapseWarning):
            align_pair(*both, method)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        align_pair(walk, walk, method)
        # A single frame has nothing to differ from.
        align_pair(flat[:1], walk, method)
