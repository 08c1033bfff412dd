from itertools import pairwise

import numpy as np
import pytest

from masa.alignment import Occurrence, Timeline
from masa.embeddings import EmbeddedSequence
from masa.writers.tracks import (
    carry_over,
    one_line,
    track_of_labels,
    track_of_occurrences,
    tracks_of_timeline,
)


def sequence(name, frames, rate=10.0, phase=None, names=None):
    return EmbeddedSequence(
        name,
        np.zeros((frames, 2)),
        None if rate is None else np.arange(frames) / rate,
        phase=None if phase is None else np.asarray(phase),
        record=dict(phase_names=names),
    )


def carried_by_a_loop(matches, start, end):
    """What carry_over documents, frame by frame."""
    parts, open_part = [], None
    for t in range(start, end):
        if matches[t] < 0:
            open_part = None
            continue
        stop = matches[t] + 1
        if t + 1 < len(matches) and matches[t + 1] >= 0:
            stop = matches[t + 1]
        if open_part is None:
            open_part = [matches[t], 0]
            parts.append(open_part)
        open_part[1] = max(stop, open_part[0] + 1)
    return [tuple(part) for part in parts]


def test_carry_over_equals_a_loop():
    rng = np.random.default_rng(0)
    for _ in range(200):
        total = int(rng.integers(1, 30))
        matches = np.sort(rng.integers(0, 40, total))
        matches[rng.random(total) < rng.choice([0, 0.3, 1])] = -1
        start = int(rng.integers(total))
        end = int(rng.integers(start, total)) + 1
        found = carry_over(matches, start, end)
        assert found == carried_by_a_loop(matches.tolist(), start, end)
        assert all(first < stop for first, stop in found)


def test_every_frame_is_carried_over_by_dynamic_time_warping():
    rng = np.random.default_rng(0)
    for _ in range(100):
        total, length = rng.integers(1, 30, 2).tolist()
        matches = np.sort(rng.integers(0, length, total))
        cuts = sorted({0, total, *rng.integers(0, total, 3).tolist()})
        seen = set()
        for start, end in pairwise(cuts):
            ((first, stop),) = carry_over(matches, start, end, length)
            assert first < stop <= length
            seen |= set(range(first, stop))
        assert seen == set(range(length))


def test_phases_are_carried_over():
    phase = [-1, 0, 0, 1, 1, 2, 5, 5]
    reference = sequence('a', 8, phase=phase, names=['down', 'hold', 'up'])
    rows = np.array(
        [
            [0, 2, 4, 6, 8, 10, 12, 14],
            np.arange(8),
            # The phase of a single frame is kept.
            [0, 1, 2, 3, 4, 4, 4, 5],
            [-1, -1, 5, 6, -1, -1, 7, -1],
        ]
    )
    sequences = [sequence(name, 16) for name in 'bcd']
    sequences.insert(1, reference)
    tracks = tracks_of_timeline(
        sequences, Timeline(1, rows, np.zeros(4)), 'partial'
    )
    assert [one.sequence.name for one in tracks] == ['b', 'c', 'd']
    assert {one.kind for one in tracks} == {'phases'}
    found = [
        [
            (one.label, one.start_frame, one.end_frame)
            for one in track.intervals
        ]
        for track in tracks
    ]
    assert found == [
        [
            *(('down', 2, 6), ('hold', 6, 10)),
            *(('up', 10, 12), ('phase 5', 12, 15)),
        ],
        [('down', 1, 3), ('hold', 3, 4), ('up', 4, 5), ('phase 5', 4, 6)],
        [('down', 5, 6), ('hold', 6, 7), ('phase 5', 7, 8)],
    ]


def test_seconds_are_carried_over_without_phases():
    sequences = [sequence('a', 25), sequence('b', 50)]
    rows = np.stack([np.arange(25), 2 * np.arange(25)])
    (track,) = tracks_of_timeline(sequences, Timeline(0, rows, np.zeros(2)))
    assert track.kind == 'moments'
    assert [tuple(one)[1:4] for one in track.intervals] == [
        ('a 0:00.0', 0, 20),
        ('a 0:01.0', 20, 40),
        ('a 0:02.0', 40, 50),
    ]
    with pytest.raises(ValueError, match='a, '):
        tracks_of_timeline(
            sequences, Timeline(0, rows, np.zeros(2)), phases_only=True
        )
    sequences[0] = sequence('a', 25, rate=None)
    with pytest.raises(ValueError, match='--frame-rate'):
        tracks_of_timeline(sequences, Timeline(0, rows, np.zeros(2)))


def test_nothing_matches():
    sequences = [sequence('a', 3), sequence('b', 5)]
    rows = np.array([[0, 1, 2], [-1, -1, -1]])
    timeline = Timeline(0, rows, np.zeros(2))
    (track,) = tracks_of_timeline(sequences, timeline, 'partial')
    assert track.intervals == []


def test_labels_of_frames():
    reference = sequence('a', 2, names=['down'])
    one = sequence('b', 6)
    for labels, expected in (
        (['x', 'x', '', 'y\n z', 'x', 'x'], ['x', 'y z', 'x']),
        (np.array([0, 0, -1, 1, 0, 0]), ['down', 'phase 1', 'down']),
    ):
        track = track_of_labels(one, labels, reference)
        assert [interval.label for interval in track.intervals] == expected
        places = [tuple(interval)[2:4] for interval in track.intervals]
        assert places == [(0, 2), (3, 4), (4, 6)]


def test_occurrences():
    found = [
        Occurrence(0, 5, 0.91234, 0.1, 0),
        Occurrence(4, 9, 0.5, 0.2, 1, mirrored=True),
    ]
    track = track_of_occurrences(sequence('r', 9), found, ['a', 'b\nc'])
    assert [one.label for one in track.intervals] == ['a', 'b c']
    assert [one.score for one in track.intervals] == [0.9123, 0.5]
    assert track.intervals[1].caption == '2: b c, score 0.50, mirrored'
    assert [tuple(one)[2:4] for one in track.intervals] == [(0, 5), (4, 9)]


def test_one_line_of_text_for_any_format():
    assert one_line(' a\r\n\tb  字 ') == 'a b 字'
    assert (
        one_line('\x00\ud800\uffff👩\u200d🔬') == '\ufffd' * 3 + '👩\u200d🔬'
    )
