from itertools import combinations

import numpy as np
import pytest

from masa.alignment import find_occurrences
from masa.alignment.occurrence_search import (
    MOMENTS,
    SLACK,
    Candidate,
    OccurrenceSearch,
    best_together,
)
from masa.alignment.resampling import resample


def movement(frames, seed=0):
    """A smooth path through eight places in five dimensions."""
    places = np.random.default_rng(seed).normal(size=(8, 5))
    return resample(resample(places, 4 * frames), frames)


def still(frames, like):
    return np.repeat(like[None], frames, axis=0)


def shares(found, start, end):
    common = min(found.end_frame, end) - max(found.start_frame, start)
    return common / (
        found.end_frame - found.start_frame + end - start - common
    )


@pytest.mark.parametrize('moments', [1, 2, 5, 9, 30])
@pytest.mark.parametrize('frames', [1, 2, 7, 9])
def test_resample_by_loops(frames, moments):
    sequence = np.random.default_rng(0).normal(size=(frames, 2))
    expected = []
    for k in range(moments):
        place = min(max((k + 0.5) / moments * frames - 0.5, 0), frames - 1)
        low = int(place)
        high = min(low + 1, frames - 1)
        share = place - low
        expected.append(sequence[low] * (1 - share) + sequence[high] * share)
    np.testing.assert_allclose(resample(sequence, moments), expected)


def test_repetitions_of_any_tempo_are_found_and_counted():
    reference = movement(50)
    parts, places, frames = [], [], 0
    for length in (30, 50, 85, 40, 70):
        pause = still(20, reference[0])
        parts += [pause, movement(length)]
        places.append((frames + 20, frames + 20 + length))
        frames += 20 + length
    found = find_occurrences([reference], np.concatenate(parts))
    assert len(found) == 5
    for one, place in zip(sorted(found), places, strict=True):
        assert shares(one, *place) > 0.7
        assert one.score > 0.8
        assert one.start is None


def test_the_best_comes_first():
    reference = movement(40)
    noise = np.random.default_rng(1).normal(size=(40, 5))
    pause = still(15, reference[0])
    recording = np.concatenate(
        [pause, reference + 0.2 * noise, pause, reference, pause]
    )
    first, second = find_occurrences([reference], recording)
    assert first.start_frame > second.start_frame
    assert first.score > second.score > 0.5
    assert first.cost < second.cost


def test_without_it_nothing_is_found():
    reference = movement(40)
    recording = np.concatenate([movement(60, seed) for seed in (1, 2, 3)])
    assert find_occurrences([reference], recording) == []


def test_a_pose_that_is_held_is_never_found():
    reference = movement(40)
    for pose in (reference.mean(0), reference[0], reference[20]):
        assert find_occurrences([reference], still(300, pose), 0.49) == []


def test_back_to_back_repetitions_are_told_apart():
    """What lies between two of them also looks like one, there and back."""
    way = np.sin(np.linspace(0, np.pi, 40, endpoint=False))[:, None]
    found = find_occurrences([way], np.tile(way, (6, 1)), 0.2)
    assert len(found) == 6


def test_reversed_movement_is_another():
    reference = movement(40)
    assert find_occurrences([reference], reference[::-1].copy()) == []


def test_the_nearest_of_several_references_is_told():
    first, second = movement(40, 0), movement(40, 5)
    recording = np.concatenate([second, still(20, second[-1]), first])
    found = sorted(find_occurrences([first, second], recording))
    assert [one.reference for one in found] == [1, 0]


def test_references_that_are_alike_lower_the_threshold():
    reference = movement(60)
    wobble = np.random.default_rng(2).normal(size=reference.shape)
    recording = reference + 0.3 * wobble
    alone = find_occurrences([reference], recording, 0.2)
    assert len(alone) == 1
    alike = [reference, reference + 0.01]
    assert find_occurrences(alike, recording, 0.2)[0].score < alone[0].score


def test_executions_that_went_wrong_are_found_leniently():
    """All the time in another place, by three references that are alike."""
    references = [movement(50) + 0.01 * seed for seed in range(3)]
    wrong = movement(60) + np.eye(5)[0]
    recording = np.concatenate(
        [still(20, references[0][0]), wrong, still(20, wrong[-1])]
    )
    assert find_occurrences(references, recording) == []
    (found,) = find_occurrences(references, recording, lenient=True)
    assert shares(found, 20, 80) > 0.7


def test_lenient_costs_by_loops():
    """A quarter of the squared distance of the means counts."""
    reference, wrong = movement(48), movement(48) + 0.8 * np.eye(5)[0]
    (found,) = find_occurrences([reference], wrong, lenient=True)
    less = [one - one.mean(0) / 2 for one in (reference, wrong)]
    costs = np.full((49, 49), np.inf)
    lengths = np.zeros((49, 49))
    costs[0, 0] = 0
    for i in range(48):
        for j in range(48):
            steps = ((i, j), (i, j + 1), (i + 1, j))
            before = min(steps, key=lambda step: costs[step])
            step = ((less[0][i] - less[1][j]) ** 2).sum()
            costs[i + 1, j + 1] = costs[before] + step
            lengths[i + 1, j + 1] = lengths[before] + 1
    assert found.cost <= costs[-1, -1] / lengths[-1, -1] + 1e-6
    assert found.cost == pytest.approx(0.8**2 / 4, rel=0.1)


def test_lenient_candidates_by_loops():
    """At a steady tempo, where the mean counts a quarter."""
    reference = movement(MOMENTS)
    recording = np.concatenate([movement(70, 1), reference + 0.3])
    search = OccurrenceSearch(
        [reference],
        len(recording),
        MOMENTS,
        1.0,
        lambda parts: [
            resample(recording[start:end], MOMENTS) for start, end in parts
        ],
        0.25,
    )
    series = search._series
    distances = ((reference[:, None] - series) ** 2).sum(-1)
    starts, costs = search._lowest(distances, reference.mean(0), 1.0)
    assert len(starts) > 0
    for start, cost in zip(starts, costs, strict=True):
        part = series[start : start + MOMENTS]
        expected = np.mean(
            [
                ((a - part.mean(0) / 2 - b + reference.mean(0) / 2) ** 2).sum()
                for a, b in zip(part, reference, strict=True)
            ]
        )
        assert cost == pytest.approx(expected)


def test_length_in_the_recording():
    """The reference was recorded at half the rate of the recording."""
    reference = movement(30)
    recording = np.concatenate(
        [still(50, reference[0]), movement(200), still(50, reference[-1])]
    )
    (found,) = find_occurrences([reference], recording, lengths=[150])
    assert shares(found, 50, 250) > 0.7


@pytest.mark.parametrize('frames', [1, 2, 3, 10])
def test_recording_shorter_than_the_reference(frames):
    assert len(find_occurrences([movement(50)], movement(frames))) <= 1


def test_last_moment_that_rounding_leaves_to_no_window():
    reference = movement(26)
    recording = np.concatenate([still(91, reference[0]), reference])
    with np.errstate(all='raise'):
        (found,) = find_occurrences([reference], recording)
    assert shares(found, 91, 117) > 0.9


def test_reference_of_two_frames():
    reference = np.array([[0.0], [1.0]])
    recording = np.repeat([[0.0], [0], [1], [0], [0]], 2, axis=0)
    for one in find_occurrences([reference], recording):
        assert 0 <= one.start_frame < one.end_frame <= 10


def test_parts_are_embedded_anew():
    """A model whose embedding is relative to the part's mean."""
    reference = movement(40)
    rise = np.linspace(0, 50, 140)[:, None]
    recording = rise + np.concatenate(
        [still(50, reference[0]), reference, still(50, reference[-1])]
    )
    asked = []

    def embed_parts(parts):
        asked.extend(parts)
        made = []
        for start, end in parts:
            part = recording[start:end] - rise[start:end]
            made.append(part)
        return made

    assert find_occurrences([reference], recording) == []
    (found,) = find_occurrences(
        [reference], recording, embed_parts=embed_parts
    )
    assert shares(found, 50, 90) > 0.7
    assert all(0 <= start < end <= 140 for start, end in asked)


def test_choice_of_candidates_by_trying_all():
    rng = np.random.default_rng(0)
    for _ in range(50):
        starts = rng.integers(0, 60, 8)
        candidates = [
            Candidate(
                int(start), int(start + rng.integers(5, 30)), cost, cost, 0
            )
            for start, cost in zip(starts, rng.random(8) * 1.2, strict=True)
        ]

        def apart(first, second):
            ends = [
                (
                    one.start + SLACK * (one.end - one.start),
                    one.end - SLACK * (one.end - one.start),
                )
                for one in (first, second)
            ]
            return ends[0][1] <= ends[1][0] or ends[1][1] <= ends[0][0]

        def worth(chosen):
            return sum((1 - one.cost) ** 2 for one in chosen)

        best = max(
            worth([one for one in chosen if one.cost < 1])
            for count in range(9)
            for chosen in combinations(candidates, count)
            if all(apart(a, b) for a, b in combinations(chosen, 2))
        )
        chosen = best_together(candidates, 1.0)
        assert worth(chosen) == pytest.approx(best)
        assert all(apart(a, b) for a, b in combinations(chosen, 2))
        assert chosen == sorted(chosen, key=lambda one: one.cost)


def test_wrong_arguments():
    reference = movement(20)
    for arguments, words in (
        (([], reference), 'reference'),
        (([reference], reference, 0.0), 'tolerance'),
        (([reference], reference, 0.1, [0.0]), 'lengths'),
        (([still(20, reference[0])], reference), 'change'),
        (([reference[:, :2]], reference), None),
    ):
        with pytest.raises(ValueError, match=words):
            find_occurrences(*arguments)


def test_repetitions_like_the_best_one_are_found():
    """Two of another person: only the better is near enough by itself."""
    reference = movement(50)
    style = movement(50, seed=9)
    pause = still(25, reference[0])
    near, far = reference + 0.33 * style, reference + 0.45 * style
    alone = np.concatenate([pause, far, pause])
    assert find_occurrences([reference], alone) == []
    recording = np.concatenate([pause, near, pause, far, pause])
    better, worse = find_occurrences([reference], recording)
    assert better.start_frame < worse.start_frame
    assert better.score > 0.5 > worse.score > 0
