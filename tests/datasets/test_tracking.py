import numpy as np
import pytest

from masa.datasets.tracking import track_people
from masa.extraction.pose_estimator import Detection


def person(x, y=0.0, size=10.0, score=1.0, mark=0.0):
    box = np.array([x, y, x + size, y + 2 * size])
    return Detection(box, score, np.full((2, 2), mark), np.ones(2))


def marks(track):
    return {t: one.keypoint[0, 0] for t, one in track.items()}


def test_nobody():
    assert track_people([]) == []
    assert track_people([[], []]) == []


def test_one_person_is_one_wherever_they_appear():
    frames = [[person(0)], [], [person(500, size=90)], []]
    (track,) = track_people(frames)
    assert sorted(track) == [0, 2]


def test_people_that_cross_in_any_order():
    """Best assignment of all pairs: a greedy one takes the nearest first."""
    frames = []
    for t in range(20):
        both = [person(3 * t, mark=1), person(60 - 3 * t, y=8, mark=2)]
        frames.append(both if t % 2 else both[::-1])
    tracks = track_people(frames)
    assert len(tracks) == 2
    for track in tracks:
        assert len(track) == 20
        assert len(set(marks(track).values())) == 1


def test_assignment_is_the_best_of_all():
    # The right one overlaps both, the left one only its own.
    before = [person(0, mark=1), person(5, mark=2)]
    after = [person(4, mark=1), person(9, mark=2)]
    tracks = track_people([before, after])
    assert [set(marks(track).values()) for track in tracks] == [{1}, {2}]


def test_who_was_hidden_is_found_again_and_a_stranger_is_not():
    frames = [
        [person(0, mark=1), person(100, size=30, mark=2)],
        [person(100, size=30, mark=2)],
        [person(100, size=30, mark=2)],
        # Moved by more than they overlap, yet near and of the same size.
        [person(12, mark=1), person(100, size=30, mark=2)],
        [person(400, mark=3), person(100, size=30, mark=2)],
    ]
    tracks = track_people(frames)
    found = [marks(track) for track in tracks]
    assert found[0] == dict.fromkeys(range(5), 2.0)
    assert {0: 1.0, 3: 1.0} in found
    assert {4: 3.0} in found
    assert len(tracks) == 3


def test_most_prominent_first():
    frames = [
        [
            person(0, size=10, score=0.9, mark=1),
            person(100, size=20, score=0.5, mark=2),
            person(300, size=20, score=0.4, mark=3),
        ]
    ] * 3
    assert [marks(t)[0] for t in track_people(frames)] == [2, 3, 1]
    # Size counts for as long as it is seen.
    frames += [[person(0, size=10, score=0.9, mark=1)]] * 9
    assert [marks(t)[0] for t in track_people(frames)] == [1, 2, 3]


@pytest.mark.parametrize('seed', range(10))
def test_every_detection_is_in_one_track_once(seed):
    rng = np.random.default_rng(seed)
    frames = [
        [
            person(
                *rng.uniform(0, 60, 2), rng.uniform(1, 20), mark=100 * t + i
            )
            for i in range(rng.integers(0, 5))
        ]
        for t in range(30)
    ]
    tracks = track_people(frames)
    found = sorted(m for track in tracks for m in marks(track).values())
    assert found == sorted(
        one.keypoint[0, 0] for frame in frames for one in frame
    )
    for track in tracks:
        assert all(mark // 100 == t for t, mark in marks(track).items())


def test_boxes_without_area():
    point = Detection(np.zeros(4), 1.0, np.zeros((2, 2)), np.ones(2))
    tracks = track_people([[point, point], [point, point]])
    assert [len(track) for track in tracks] == [2, 2]
