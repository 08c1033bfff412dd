from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...alignment import Timeline
from ...embeddings import EmbeddedSequence
from ..sequence_images import check_is_shown
from ..video import USUAL_RATE

# Curves of embeddings.
DISTANCE = 'squared distance to the reference'


@dataclass(frozen=True, eq=False)
class Track:
    """A sequence in a player, and its frame at each moment of the timeline.

    The frames of one track of a player, its clock, are 0, 1, ..., M - 1: the
    moments of the timeline are its frames, and come at its times.

    Attributes:
        sequence (EmbeddedSequence): The sequence, with a video or joints and
            their layout.
        frames (np.ndarray): Its frame at each moment, (M,) int64; -1 where it
            has no counterpart, and waits.
        curve (np.ndarray, optional): What is plotted at each moment, (M,),
            NaN where there is nothing.
        score (float, optional): What the table tells of it.
        title (str): What it is called. Defaults to the sequence's name;
            ``name`` is one or the other.
        first_frame (int): Where it begins in its video, if the sequence is a
            part of a recording.
        mirrored (bool): Whether the joints are those of the mirror image, as
            which the video is shown, too. Defaults to False.
    """

    sequence: EmbeddedSequence
    frames: np.ndarray
    curve: np.ndarray | None = None
    score: float | None = None
    title: str = ''
    first_frame: int = 0
    mirrored: bool = False

    @property
    def name(self) -> str:
        """What the track is called."""
        return self.title or self.sequence.name

    @property
    def times(self) -> np.ndarray:
        """Time stamps of the frames in seconds, (T,) float64.

        Where they are unknown, 30 frames a second are assumed.
        """
        if self.sequence.timestamps is not None:
            return np.asarray(self.sequence.timestamps, np.float64)
        return (self.first_frame + np.arange(len(self.sequence))) / USUAL_RATE


class Mark(NamedTuple):
    """A moment or an interval that a player marks.

    Attributes:
        label (str): What there is.
        start (int): The moment, or the first one.
        end (int, optional): The last moment of an interval. Defaults to None,
            a moment.
        track (int, optional): Position of the track without which the mark is
            hidden. Defaults to None, it always shows.
    """

    label: str
    start: int
    end: int | None = None
    track: int | None = None


@dataclass(frozen=True, eq=False)
class Player:
    """What a player plays.

    Attributes:
        tracks (Sequence[Track]): The sequences.
        clock (int): Position of the track whose frames are the moments of the
            timeline. Defaults to 0.
        marks (Sequence[Mark]): Moments and intervals of the timeline.
        curve_title (str): What the tracks' curves are, with the unit.
        score_title (str): What the tracks' scores are.
        shown (Sequence[int], optional): Positions of the tracks beside the
            clock that show at first; the others can be chosen. Defaults to
            the first six.

    Raises:
        ValueError: If a sequence has neither a video nor a skeleton, there is
            no track, or a track or a mark does not fit the timeline.
    """

    tracks: Sequence[Track]
    clock: int = 0
    marks: Sequence[Mark] = ()
    curve_title: str = ''
    score_title: str = 'score'
    shown: Sequence[int] | None = None

    def __post_init__(self):
        if not 0 <= self.clock < len(self.tracks):
            raise ValueError(
                'clock is expected to be the position of one of '
                f'{len(self.tracks)} tracks, but got {self.clock}'
            )
        moments = len(self.tracks[self.clock].sequence)
        for track in self.tracks:
            self._check(track, moments)
        clock = self.tracks[self.clock]
        if (clock.frames != np.arange(moments)).any():
            raise ValueError(
                f'the frames of {clock.name}, the clock, are expected to be '
                f'0, 1, ..., {moments - 1}'
            )
        for mark in self.marks:
            end = mark.start if mark.end is None else mark.end
            track = mark.track or 0
            if not 0 <= mark.start <= end < moments or not (
                0 <= track < len(self.tracks)
            ):
                raise ValueError(
                    f'{mark} is expected to lie in the {moments} moments of '
                    f'the timeline, and to be of one of {len(self.tracks)} '
                    'tracks'
                )

    def _check(self, track: Track, moments: int) -> None:
        check_is_shown(track.sequence)
        length = len(track.sequence)
        fits = (track.frames >= -1) & (track.frames < length)
        if fits.shape != (moments,) or not fits.all():
            raise ValueError(
                f'the frames of {track.name} are expected to be {moments} '
                f'numbers in [-1, {length}), one for each moment'
            )
        if track.curve is not None and track.curve.shape != (moments,):
            raise ValueError(
                f'the curve of {track.name} is expected to have {moments} '
                f'values, one for each moment, but is {track.curve.shape}'
            )


def aligned_player(
    sequences: Sequence[EmbeddedSequence], timeline: Timeline
) -> Player:
    """Play aligned sequences.

    Args:
        sequences (Sequence[EmbeddedSequence]): The N sequences.
        timeline (Timeline): Their alignment; its reference is the clock, and
            the first track.

    Returns:
        Player: The curves are the squared distance of the embedding to that
        of the reference at each moment, whose mean along the alignment is the
        cost; the marks are the phases of the reference.

    Raises:
        ValueError: As :class:`Player`.
    """
    reference = sequences[timeline.reference]
    tracks = []
    for i, (one, frames) in enumerate(
        zip(sequences, timeline.frames, strict=True)
    ):
        if i == timeline.reference:
            title = f'{one.name} (reference)'
            tracks.insert(0, Track(one, frames, title=title))
            continue
        curve = distances(reference, one, frames)
        cost = float(timeline.costs[i])
        score = None if np.isnan(cost) else cost
        tracks.append(Track(one, frames, curve, score))
    return Player(
        tracks,
        marks=phase_marks(reference),
        curve_title=DISTANCE,
        score_title='cost',
    )


def distances(
    reference: EmbeddedSequence, other: EmbeddedSequence, frames: np.ndarray
) -> np.ndarray:
    """Compute squared distances of embeddings at moments of a reference.

    Args:
        reference (EmbeddedSequence): The reference, of T frames.
        other (EmbeddedSequence): Another sequence.
        frames (np.ndarray): Its frame for each of the reference, (T,) int64,
            -1 where there is none.

    Returns:
        np.ndarray: (T,) float64, NaN where there is none.
    """
    apart = reference.embedding - other.embedding[frames]
    squared = np.square(apart, dtype=np.float64).sum(axis=1)
    return np.where(frames < 0, np.nan, squared)


def phase_marks(
    sequence: EmbeddedSequence, frames: np.ndarray | None = None
) -> list[Mark]:
    """Mark the phases of a sequence.

    Args:
        sequence (EmbeddedSequence): The sequence.
        frames (np.ndarray, optional): Its frame at each moment, (M,). Defaults
            to all in order.

    Returns:
        list[Mark]: An interval for each run of one phase; none where it is
        unknown.

    Example:
        >>> phase = np.array([0, 0, -1, 1])
        >>> squat = EmbeddedSequence('squat', np.zeros((4, 2)), phase=phase)
        >>> [mark[:3] for mark in phase_marks(squat)]
        [('phase 0', 0, 1), ('phase 1', 3, 3)]
    """
    if sequence.phase is None:
        return []
    phase = np.asarray(sequence.phase)
    if frames is not None:
        phase = phase[frames]
    starts = np.flatnonzero(np.diff(phase, prepend=phase[0] - 1))
    ends = np.append(starts[1:], len(phase)) - 1
    return [
        Mark(sequence.phase_name(phase[start]), int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
        if phase[start] >= 0
    ]
