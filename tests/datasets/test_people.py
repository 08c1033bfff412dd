import numpy as np
import pytest
from public_files import walk

from masa.datasets import people
from masa.datasets.people import (
    fill_frames,
    find_people,
    link_people,
    rank_people,
    take_people,
)


def shuffled(poses, rng):
    """People in another order in every frame, and the order."""
    count, frames = poses.shape[:2]
    order = np.array([rng.permutation(count) for _ in range(frames)]).T
    return poses[order, np.arange(frames)], order


def crossing(frames=30):
    return np.stack(
        [walk(frames, 200, speed=12), walk(frames, 500, 300, -9, 300)]
    )


def test_zeros_and_scores_of_zero_are_nobody():
    keypoint = np.ones((3, 4, 5, 2))
    keypoint[0, 1] = 0
    score = np.ones((3, 4, 5))
    score[2, 2:] = 0
    score[1, 3, :4] = 0
    expected = np.ones((3, 4), bool)
    expected[0, 1] = False
    np.testing.assert_array_equal(find_people(keypoint, None), expected)
    expected[2, 2:] = False
    np.testing.assert_array_equal(find_people(keypoint, score), expected)


@pytest.mark.parametrize('scale', [1, 1 / 1920])
def test_detections_in_any_order_are_linked(scale):
    poses = crossing() * scale
    mixed, order = shuffled(poses, np.random.default_rng(0))
    places = link_people(mixed, None)
    linked = take_people(mixed, places)
    assert linked.shape == poses.shape
    # The same two, whoever of them comes first.
    swap = not np.array_equal(linked[0], poses[0])
    np.testing.assert_array_equal(linked[::-1] if swap else linked, poses)
    assert (order[0] != order[0, 0]).any()


def test_places_are_people_where_they_are_not_linked():
    mixed, _ = shuffled(crossing(), np.random.default_rng(0))
    expected = np.tile([[0], [1]], 30)
    unlinked = link_people(mixed, None, link=False)
    np.testing.assert_array_equal(unlinked, expected)
    deep = np.concatenate([mixed, mixed[..., :1]], axis=-1)
    np.testing.assert_array_equal(link_people(deep, None), expected)


def test_who_is_absent_has_no_place():
    poses = np.stack([walk(6), walk(6, 900), np.zeros((6, 17, 2))])
    poses[1, 2:4] = 0
    places = link_people(poses, None)
    # The one who is there throughout is first.
    assert places.tolist() == [[0] * 6, [1, 1, -1, -1, 1, 1]]
    taken = take_people(poses, places)
    np.testing.assert_array_equal(taken[0], poses[0])
    assert not taken[1, 2:4].any()


def test_people_who_stay_apart_are_left_as_tracking_would(monkeypatch):
    rng = np.random.default_rng(0)
    poses = np.stack([walk(20), walk(20, 700, speed=-2), walk(20, 1100, 300)])
    poses += rng.normal(scale=2, size=poses.shape)
    fast = link_people(poses, None)
    monkeypatch.setattr(people, '_stay_apart', lambda boxes: False)
    slow = link_people(poses, None)
    assert (
        sorted(slow.tolist()) == fast.tolist() == [[m] * 20 for m in range(3)]
    )


def test_rank_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    poses = rng.uniform(1, 100, size=(4, 7, 5, 2)) * rng.uniform(
        0.2, 3, (4, 1, 1, 1)
    )
    score = rng.random((4, 7, 5))
    for k, t in ((0, 3), (1, 0), (1, 1), (3, 6)):
        poses[k, t], score[k, t] = 0, 0
    values = dict(score=[], size=[], motion=[])
    for k in range(4):
        there = [t for t in range(7) if poses[k, t].any()]
        values['score'].append(sum(score[k, t].mean() for t in there) / 7)
        values['size'].append(
            sum(
                np.hypot(*(poses[k, t].max(0) - poses[k, t].min(0)))
                for t in there
            )
            / 7
        )
        mean = sum(poses[k, t] for t in there) / len(there)
        total = sum(
            ((poses[k, t, v] - mean[v]) ** 2).sum()
            for t in there
            for v in range(5)
        )
        values['motion'].append((total / 35) ** 0.5)
    for by, value in values.items():
        expected = sorted(range(4), key=lambda k: -value[k])
        assert rank_people(poses, score, by).tolist() == expected, by


def test_without_scores_who_is_seen_more_is_first():
    poses = np.ones((2, 6, 5, 2))
    poses[0, 4:] = 0
    assert rank_people(poses, None, 'score').tolist() == [1, 0]
    assert rank_people(np.ones((3, 2, 4, 2)), None, 'score').tolist() == [
        *range(3)
    ]


def test_frames_are_filled_as_a_plain_loop_does():
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(3, 9, 4, 2))
    known = np.zeros((3, 9), bool)
    known[0, [1, 2, 6]] = True
    known[1, 4] = True
    filled = fill_frames(poses, known)
    for v in range(4):
        for c in range(2):
            np.testing.assert_allclose(
                filled[0, :, v, c],
                np.interp(np.arange(9), [1, 2, 6], poses[0, [1, 2, 6], v, c]),
            )
    np.testing.assert_allclose(filled[1], np.tile(poses[1, 4], (9, 1, 1)))
    np.testing.assert_array_equal(filled[2], poses[2])
