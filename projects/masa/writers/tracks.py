"""Results as labeled intervals on the timelines of sequences."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..alignment import Comparison, Occurrence, Timeline
from ..embeddings import EmbeddedSequence

# Neither XML nor UTF-8 can hold them; file names can.
_NO_TEXT = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')


class Interval(NamedTuple):
    """A labeled part of a sequence.

    Attributes:
        label (str): What it shows, on one line: the name of a phase or of a
            reference.
        caption (str): The same for people, such as with the score, on one
            line or several.
        start_frame (int): Its first frame.
        end_frame (int): The frame after its last one.
        score (float, optional): How well it matches, as the command tells it.
    """

    label: str
    caption: str
    start_frame: int
    end_frame: int
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Track:
    """Intervals of one sequence, which may overlap.

    Attributes:
        sequence (EmbeddedSequence): The sequence.
        kind (str): What the intervals are, in the plural: ``occurrences``,
            ``repetitions``, ``phases``, ``labels`` or ``moments``.
        intervals (list[Interval]): In the order of their first frames.
    """

    sequence: EmbeddedSequence
    kind: str
    intervals: list[Interval]

    def milliseconds(self) -> list[tuple[int, int]]:
        """Return the start and the end of every interval.

        An interval lasts until the frame after it is shown, and 1 ms at least.

        Returns:
            list[tuple[int, int]]: In milliseconds.

        Raises:
            ValueError: If the times of the frames are unknown or negative.
        """
        name, times = self.sequence.name, self.sequence.timestamps
        if times is None:
            raise ValueError(
                f'{name}: subtitles and .eaf are timed in seconds, and its '
                'frame rate is not known; --frame-rate (in Python '
                'frame_rate) sets it'
            )
        if times[0] < 0:
            raise ValueError(
                f'{name}: subtitles and .eaf begin at 0 s, but its first '
                f'frame is at {times[0]:g} s: shift its timestamps'
            )
        # The last frame is shown for as long as the one before.
        last = times[-1] - times[-2] if len(times) > 1 else 0.0
        moments = np.append(times, times[-1] + last)
        moments = (1000 * moments).round().astype(np.int64).tolist()
        starts = [moments[one.start_frame] for one in self.intervals]
        return [
            (start, max(start + 1, moments[one.end_frame]))
            for start, one in zip(starts, self.intervals, strict=True)
        ]


def video_of(sequence: EmbeddedSequence) -> Path:
    """Return the video of a sequence.

    Args:
        sequence (EmbeddedSequence): The sequence.

    Returns:
        Path: Its video.

    Raises:
        ValueError: If none is known.
    """
    if sequence.video is None:
        raise ValueError(
            f'{sequence.name}: CVAT annotates videos, and none is known of '
            'it: give the video as the input'
        )
    return sequence.video


def one_line(text: str) -> str:
    """Make a text one line of characters that any format can hold.

    Args:
        text (str): Such as the name of a sequence.

    Returns:
        str: The text with single blanks for line breaks and other blanks, and
        U+FFFD for control characters and surrogates.
    """
    return _NO_TEXT.sub('\ufffd', ' '.join(str(text).split()))


def track_of_occurrences(
    recording: EmbeddedSequence,
    found: Sequence[Occurrence],
    references: Sequence[str],
) -> Track:
    """Make a track of occurrences.

    Args:
        recording (EmbeddedSequence): The recording.
        found (Sequence[Occurrence]): What was found in it, in its order.
        references (Sequence[str]): Name of the reference nearest to each.

    Returns:
        Track: An interval for each, labeled with the reference.
    """
    intervals = []
    for number, (one, name) in enumerate(zip(found, references, strict=True)):
        label = one_line(name)
        caption = f'{number + 1}: {label}, score {one.score:.2f}'
        caption += ', mirrored' * one.mirrored
        score = round(one.score, 4)
        intervals.append(
            Interval(label, caption, one.start_frame, one.end_frame, score)
        )
    return Track(recording, 'occurrences', intervals)


def track_of_repetitions(
    recording: EmbeddedSequence, comparisons: Sequence[Comparison]
) -> Track:
    """Make a track of repetitions that were compared with references.

    Args:
        recording (EmbeddedSequence): The recording.
        comparisons (Sequence[Comparison]): One of each repetition, in its
            order.

    Returns:
        Track: An interval for each, labeled with the reference, and captioned
        with the score and with what differs most.
    """
    intervals = []
    for number, one in enumerate(comparisons, 1):
        lines = [f'repetition {number}: score {one.score:.2f}']
        lines += [worst.sentence for worst in one.differences(1)]
        intervals.append(
            Interval(
                one_line(one.references[one.reference].name),
                '\n'.join(lines),
                one.first_frame,
                one.first_frame + len(one.attempt),
                round(one.score, 4),
            )
        )
    return Track(recording, 'repetitions', intervals)


def track_of_labels(
    sequence: EmbeddedSequence,
    labels: Iterable[Any],
    reference: EmbeddedSequence,
) -> Track:
    """Make a track of the labels of frames.

    Args:
        sequence (EmbeddedSequence): The sequence.
        labels (Iterable[Any]): One for each frame: integers are phases of the
            reference, negative ones and empty texts no label.
        reference (EmbeddedSequence): The sequence that they come from.

    Returns:
        Track: An interval for each run of equal labels.
    """
    intervals = [
        Interval(label, label, start, end)
        for label, start, end in _runs(
            _label_text(one, reference) for one in labels
        )
        if label
    ]
    return Track(sequence, 'labels', intervals)


def tracks_of_timeline(
    sequences: Sequence[EmbeddedSequence],
    timeline: Timeline,
    method: str = 'dtw',
    phases_only: bool = False,
) -> list[Track]:
    """Carry the phases of the reference over to the other sequences.

    Without phases, its seconds are carried over, which tell the matching
    moment.

    Args:
        sequences (Sequence[EmbeddedSequence]): The sequences.
        timeline (Timeline): Their alignment.
        method (str): That of the alignment, ``dtw`` or ``partial``.
        phases_only (bool): Whether the reference must have phases. Defaults
            to False.

    Returns:
        list[Track]: A track for each sequence but the reference. Frames
        without a counterpart are in no interval.

    Raises:
        ValueError: If the reference has neither phases nor times.
    """
    reference = sequences[timeline.reference]
    if reference.phase is not None:
        kind = 'phases'
        texts = [_label_text(phase, reference) for phase in reference.phase]
    elif phases_only:
        raise ValueError(
            f'{reference.name}, the reference, has no phases to carry over: '
            'give an annotation file with phases, or masa label --labels FILE'
        )
    elif reference.timestamps is not None:
        kind, name = 'moments', one_line(reference.name)
        # Times are rounded to milliseconds elsewhere, too.
        seconds = np.floor(reference.timestamps.round(3)).astype(np.int64)
        texts = [f'{name} {_clock(second)}' for second in seconds.tolist()]
    else:
        raise ValueError(
            f'{reference.name}, the reference, has neither phases nor a frame '
            'rate, by which its seconds could be carried over; --frame-rate '
            'sets it'
        )
    runs = [run for run in _runs(texts) if run[0]]
    tracks = []
    for i, sequence in enumerate(sequences):
        if i == timeline.reference:
            continue
        intervals = [
            Interval(text, text, *part)
            for text, start, end in runs
            for part in carry_over(
                *(timeline.frames[i], start, end),
                len(sequence) if method == 'dtw' else None,
            )
        ]
        intervals.sort(key=lambda one: (one.start_frame, one.end_frame))
        tracks.append(Track(sequence, kind, intervals))
    return tracks


def carry_over(
    matches: np.ndarray, start: int, end: int, length: int | None = None
) -> list[tuple[int, int]]:
    """Carry a run of the reference's frames over to another sequence.

    Args:
        matches (np.ndarray): Frame of the other sequence for each of the
            reference, never decreasing but for -1, which is no counterpart,
            (T,).
        start (int): First frame of the run.
        end (int): The frame after its last one.
        length (int, optional): Number of frames of the other sequence, if all
            of them have a counterpart, as by dynamic time warping: the first
            run then begins with them and the last one ends with them.

    Returns:
        list[tuple[int, int]]: First frame and the one after the last, of each
        part that has a counterpart. It reaches to the counterpart of the
        frame after the run, so that nothing is left out between runs.

    Example:
        >>> carry_over(np.array([0, 2, 4, 6]), 0, 2)
        [(0, 4)]
    """
    parts = []
    for matched, first, last in _runs(matches[start:end] >= 0):
        if not matched:
            continue
        begin, following = int(matches[start + first]), start + last
        stop = int(matches[following - 1]) + 1
        if following < len(matches) and matches[following] >= 0:
            stop = int(matches[following])
        if length is not None:
            begin = begin if start else 0
            stop = stop if following < len(matches) else length
        parts.append((begin, max(begin + 1, stop)))
    return parts


def _runs(values: Iterable[Any]) -> list[tuple[Any, int, int]]:
    """List each run of equal values: value, first, and one after the last."""
    runs, start = [], 0
    for value, group in groupby(values):
        end = start + len(list(group))
        runs.append((value, start, end))
        start = end
    return runs


def _label_text(label: Any, reference: EmbeddedSequence) -> str:
    if not isinstance(label, (int, np.integer)):
        return one_line(label)
    if label < 0:
        return ''
    return one_line(reference.phase_name(label))


def _clock(second: int) -> str:
    return f'{second // 60}:{second % 60:04.1f}'
