import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from ..embeddings import EmbeddedSequence
from .joint_angles import body_joints, has_body
from .pair import Alignment
from .tempo import Run, find_pace, find_runs, usual_tempo

# Seconds, or frames where times are unknown: over which the tempo is smoothed,
# and the least time that a stretch must gain or lose.
WINDOW = {'s': 0.3, 'frames': 9}
LEAST = {'s': 0.25, 'frames': 8}
# Seconds, or frames, over which it is taken how fast the body moves.
LAG = {'s': 0.2, 'frames': 6}
# A stretch in which the body moves less than this share of its usual speed is
# a pause; otherwise something is repeated or added.
PAUSED = 0.25
# An end of the reference is missing if the attempt jumps over this share of
# its movement in its first or last seconds, or frames, a tenth of it at most.
# A jump is by this many times as many frames as usual.
END = {'s': 0.2, 'frames': 6}
MISSING, JUMP = 0.15, 4


@dataclass(frozen=True)
class Stretch:
    """A stretch of unusual timing.

    Attributes:
        kind (str): ``fast``, ``slow``, ``paused`` (the attempt stands still),
            ``repeated`` (it moves, but does not go on: a part is repeated or
            added), ``skipped`` (a part of the reference is left out) or
            ``missing`` (the attempt begins late, or stops early).
        start (float): Start in the attempt, in ``unit`` of the timing.
        end (float): End in the attempt.
        reference_start (float): Start in the reference.
        reference_end (float): End in the reference.
    """

    kind: str
    start: float
    end: float
    reference_start: float
    reference_end: float


@dataclass(frozen=True)
class PhaseTime:
    """How long a phase takes.

    Attributes:
        phase (int): The reference's phase.
        reference (float): How long the reference takes for it.
        attempt (float): How long the attempt takes for it.
    """

    phase: int
    reference: float
    attempt: float


@dataclass(frozen=True, eq=False)
class Timing:
    """The timing of an attempt along a reference.

    Attributes:
        unit (str): ``s``, or ``frames`` where times are unknown.
        attempt (float): Duration of the attempt.
        reference (float): Duration of the reference.
        stretches (list[Stretch]): What is unusual, in order.
        phases (list[PhaseTime]): Of each phase of the reference, if it has
            some.
        curve (np.ndarray): Times of the attempt and of the reference at
            points of their alignment, and how many times as fast as the
            reference the attempt is there, (3, N).
    """

    unit: str
    attempt: float
    reference: float
    stretches: list[Stretch]
    phases: list[PhaseTime]
    curve: np.ndarray

    def sentence(self, stretch: Stretch) -> str:
        """Tell of a stretch in words.

        Args:
            stretch (Stretch): One of ``stretches``.

        Returns:
            str: The sentence.
        """
        lasting = stretch.end - stretch.start
        covered = stretch.reference_end - stretch.reference_start
        start, end, reference_start, reference_end = map(
            self.moment,
            (
                *(stretch.start, stretch.end),
                *(stretch.reference_start, stretch.reference_end),
            ),
        )
        if stretch.kind == 'missing':
            if stretch.start == self.curve[0, 0]:
                return (
                    f'begins late: the part before {reference_end} of the '
                    f'reference is missing ({self.amount(covered)})'
                )
            return (
                f'stops early: the part after {reference_start} of the '
                f'reference is missing ({self.amount(covered)})'
            )
        if stretch.kind == 'skipped':
            return (
                f'skipped, or rushed through: {self.amount(covered)} of the '
                f'reference ({reference_start} to {reference_end}) at {start}'
            )
        told = dict(
            fast='too fast',
            slow='too slow',
            paused='paused',
            repeated='repeated or added movement',
        )[stretch.kind]
        return (
            f'{told} from {start} to {end}: {self.amount(lasting)} instead '
            f'of {self.amount(covered)}'
        )

    def moment(self, time: float) -> str:
        """Write a moment.

        Args:
            time (float): In ``unit``.

        Returns:
            str: Such as ``1.4 s`` or ``frame 42``.
        """
        return self.amount(time) if self.unit == 's' else f'frame {time:.0f}'

    def amount(self, time: float) -> str:
        """Write a time with its unit.

        Args:
            time (float): In ``unit``.

        Returns:
            str: Such as ``1.4 s``.
        """
        return f'{time:.1f} s' if self.unit == 's' else f'{time:.0f} frames'


def unit_of(sequences: Sequence[EmbeddedSequence]) -> str:
    """Return ``s``, or ``frames`` if the times of one are unknown."""
    known = all(one.timestamps is not None for one in sequences)
    return 's' if known else 'frames'


def times_of(
    sequence: EmbeddedSequence, unit: str, first_frame: int = 0
) -> np.ndarray:
    """Return the times of the frames.

    Args:
        sequence (EmbeddedSequence): The sequence.
        unit (str): ``s`` or ``frames``.
        first_frame (int): Where the sequence begins in its recording; time
            stamps say so themselves.

    Returns:
        np.ndarray: (T,) float64.
    """
    if unit == 's':
        return np.asarray(sequence.timestamps, dtype=np.float64)
    return first_frame + np.arange(len(sequence), dtype=np.float64)


def shown_part(
    alignment: Alignment, times: np.ndarray, unit: str
) -> tuple[int, int]:
    """Find which part of a reference an attempt shows.

    Dynamic time warping matches what an attempt lacks at an end with its
    first or last frames, and embeddings that see their context spread this
    over a few.

    Args:
        alignment (Alignment): Of the attempt and the reference.
        times (np.ndarray): Of the attempt's frames, (T,).
        unit (str): ``s`` or ``frames``.

    Returns:
        tuple[int, int]: First and last frame of the reference.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import align_pair
        >>> line = np.arange(20.0)[:, None]
        >>> shown_part(align_pair(line[:10], line), np.arange(10), 'frames')
        (0, 9)
    """
    slack = min(END[unit], (times[-1] - times[0]) / 10)
    end = np.array(alignment.lengths) - 1
    first = _catch_up(alignment.path, times - times[0], slack)
    # The same backwards.
    backwards = (end - alignment.path)[::-1]
    last = end[1] - _catch_up(backwards, (times[-1] - times)[::-1], slack)
    if first >= last:
        return 0, int(end[1])
    return int(first), int(last)


def _catch_up(path: np.ndarray, times: np.ndarray, slack: float) -> int:
    """Frame of the second sequence after the last jump at the beginning."""
    own, other = path.T
    reached = other[np.searchsorted(own, np.arange(len(times)), 'right') - 1]
    steps = np.diff(reached, prepend=0)
    usual = max(float(np.median(steps)), 1.0)
    jumps = np.flatnonzero((times <= slack) & (steps > JUMP * usual))
    return reached[jumps[-1]] if jumps.size else 0


def missing_ends(
    reference: EmbeddedSequence, unit: str, part: tuple[int, int]
) -> tuple[bool, bool]:
    """Tell whether an attempt lacks the beginning or the end of a reference.

    Args:
        reference (EmbeddedSequence): The reference.
        unit (str): ``s`` or ``frames``.
        part (tuple[int, int]): Of :func:`shown_part`.

    Returns:
        tuple[bool, bool]: Whether more than 15% of the reference's movement
        comes before the part, and after it.
    """
    moved = np.cumsum(_speed(reference, LAG[unit], times_of(reference, unit)))
    least = MISSING * moved[-1]
    before, until = moved[list(part)]
    return before > least, moved[-1] - until > least


def time_attempt(
    attempt: EmbeddedSequence,
    reference: EmbeddedSequence,
    alignment: Alignment,
    others: Sequence[tuple[EmbeddedSequence, Alignment]],
    part: tuple[int, int],
    first_frame: int = 0,
) -> Timing:
    """Find where the timing of an attempt is unusual.

    Args:
        attempt (EmbeddedSequence): The attempt.
        reference (EmbeddedSequence): The reference.
        alignment (Alignment): Of both.
        others (Sequence[tuple[EmbeddedSequence, Alignment]]): Other
            references, and their alignments with the reference.
        part (tuple[int, int]): First and last frame of the reference that the
            attempt shows.
        first_frame (int): Where the attempt begins in its recording.

    Returns:
        Timing: The tempo, and what is unusual.
    """
    unit = unit_of([attempt, reference, *(one for one, _ in others)])
    own = times_of(attempt, unit, first_frame)
    along = times_of(reference, unit)
    pace = find_pace(alignment.path, own, along, WINDOW[unit])
    paces = [
        find_pace(one.path, times_of(other, unit), along, WINDOW[unit])
        for other, one in others
    ]
    runs = find_runs(pace, *usual_tempo(pace, paces), LEAST[unit])
    speed = _speed(attempt, LAG[unit], own)
    shown = along[list(part)]
    return Timing(
        unit=unit,
        attempt=float(own[-1] - own[0]),
        reference=float(along[-1] - along[0]),
        stretches=_missing(shown, own, along)
        + [
            _stretch(run, own, speed, LAG[unit])
            for run in runs
            # The others are what is missing.
            if shown[0] < np.mean(run.second) < shown[1]
        ],
        phases=_phase_times(reference, alignment, own, along),
        curve=np.stack([pace.first, pace.second, np.exp(pace.log_tempo)]),
    )


def _missing(
    shown: np.ndarray, own: np.ndarray, along: np.ndarray
) -> list[Stretch]:
    """What of the reference comes before and after what is shown."""
    ends = (
        (own[0], along[0], shown[0]),
        (own[-1], shown[1], along[-1]),
    )
    return [
        Stretch('missing', *map(float, (at, at, start, end)))
        for at, start, end in ends
        if start < end
    ]


def _speed(
    sequence: EmbeddedSequence, lag: float, times: np.ndarray
) -> np.ndarray:
    """How far a body, or the embedding, moves around every frame, (T,).

    From half the lag before to half the lag after, and between means over the
    lag: from frame to frame most of what moves is the error of the joints.
    """
    steps = np.diff(times)
    size = max(1, round(lag / np.median(steps))) if steps.size else 1
    kernel = np.full(size, 1 / size)
    before = np.searchsorted(times, times - lag / 2)
    after = np.searchsorted(times, times + lag / 2, 'right') - 1
    if has_body(sequence):
        joints = scipy.ndimage.convolve1d(
            body_joints(sequence), kernel, axis=0, mode='nearest'
        )
        moved = np.linalg.norm(joints[after] - joints[before], axis=-1)
        moved = np.nan_to_num(nanmean(moved, 1))
    else:
        embedding = scipy.ndimage.convolve1d(
            sequence.embedding, kernel, axis=0, mode='nearest'
        )
        moved = np.linalg.norm(embedding[after] - embedding[before], axis=-1)
    # At the ends the time is shorter.
    return moved / np.maximum(times[after] - times[before], lag / 4)


def _stretch(
    run: Run, times: np.ndarray, speed: np.ndarray, lag: float
) -> Stretch:
    kind, (first, last) = run.kind, run.first
    if kind == 'still':
        start, end = np.searchsorted(times, run.first)
        part = speed[start : max(end, start + 1)]
        moves = part.size and np.median(part) > PAUSED * np.mean(speed)
        kind = 'repeated' if moves else 'paused'
    if kind == 'paused':
        first, last = _place_pause(run.first, times, speed, lag)
    return Stretch(kind, *map(float, (first, last, *run.second)))


def _place_pause(
    found: tuple[float, float],
    times: np.ndarray,
    speed: np.ndarray,
    lag: float,
) -> tuple[float, float]:
    """Place the ends of a pause where the body stops and goes on.

    The path of the alignment is smoothed, and is of few moments.
    """
    start, end = found
    near = (times >= start - 2 * lag) & (times <= end + 2 * lag)
    still = np.flatnonzero(near & (speed < PAUSED * np.mean(speed)))
    if not still.size:
        return found
    runs = np.split(still, np.flatnonzero(np.diff(still) > 1) + 1)
    longest = max(runs, key=len)
    # A body that has stopped has a speed for half of the time that it is
    # taken over.
    first, last = times[longest[[0, -1]]] + [-lag / 2, lag / 2]
    return max(first, times[0]), min(last, times[-1])


def _phase_times(
    reference: EmbeddedSequence,
    alignment: Alignment,
    own: np.ndarray,
    along: np.ndarray,
) -> list[PhaseTime]:
    """Duration of each run of a phase, as the frames' share of the time."""
    if reference.phase is None:
        return []
    phase = np.asarray(reference.phase)
    matches = alignment.match_first()
    # Each frame lasts until the next one.
    lasting = [
        np.append(
            np.diff(times), times[-1] - times[-2] if len(times) > 1 else 0
        )
        for times in (along, own)
    ]
    starts = np.flatnonzero(np.diff(phase, prepend=phase[0] - 1))
    runs = np.cumsum(np.diff(phase, prepend=phase[0] - 1) != 0) - 1
    return [
        PhaseTime(
            int(phase[start]),
            float(lasting[0][runs == i].sum()),
            float(lasting[1][runs[matches] == i].sum()),
        )
        for i, start in enumerate(starts)
        if phase[start] >= 0
    ]


def nanmean(values, axis) -> np.ndarray:
    """Mean of what is known; NaN where nothing is, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)
        return np.nanmean(values, axis=axis)
