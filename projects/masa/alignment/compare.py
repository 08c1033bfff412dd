import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter

from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_sequences
from ..support.files import atomic_path
from .joint_angles import JOINTS, body_motion, has_body
from .pair import Alignment, align_pair
from .tempo import Run, find_pace, find_runs, usual_tempo
from .timeline import central_sequence

DEGREES, TORSOS = 'degrees', 'torso lengths'
# By unit: what is taken for the difference between references where these are
# more alike, since joints are hardly measured better; how two people differ
# who do an exercise right (UI-PRMD, docs/compare.md), for a single reference;
# and the least difference that is worth a sentence.
RESOLUTION = {DEGREES: 1.0, TORSOS: 0.01}
TYPICAL = {DEGREES: 6.0, TORSOS: 0.06}
WORTH_SAYING = {DEGREES: 5.0, TORSOS: 0.05}
# A mirrored attempt is taken if its score is this much lower.
MIRRORED = 0.6
# Seconds, or frames where times are unknown: over which the tempo is smoothed,
# and the least time that a stretch must gain or lose.
WINDOW = {'s': 0.3, 'frames': 9}
LEAST = {'s': 0.25, 'frames': 8}
# A stretch in which the body moves less than this share of its usual speed is
# a pause; otherwise something is repeated or added.
PAUSED = 0.25
# Of the signed angles and of the axes: words for more and for less.
_WORDS = {
    'elbow': ('bent {} more', 'bent {} less'),
    'knee': ('bent {} more', 'bent {} less'),
    'hip': ('bent {} more', 'bent {} less'),
    'shoulder': ('raised {} more', 'raised {} less'),
    'trunk_forward': ('leaning {} more forward', 'leaning {} more backward'),
    'trunk_side': (
        "leaning {} more to the person's left",
        "leaning {} more to the person's right",
    ),
    'trunk_picture': (
        'leaning {} more to the right of the picture',
        'leaning {} more to the left of the picture',
    ),
    'x3': (
        "{} further to the person's left",
        "{} further to the person's right",
    ),
    'x2': (
        '{} further right in the picture',
        '{} further left in the picture',
    ),
    'y': ('{} higher', '{} lower'),
    'z': ('{} further forward', '{} further back'),
}


@dataclass(frozen=True, eq=False)
class JointDifference:
    """How one angle, or one coordinate of a joint, differs.

    Attributes:
        joint (str): Such as ``left_knee``, of the attempt, or ``trunk``.
        measure (str): ``bend``, ``raise``, ``lean forward``, ``lean side``,
            ``lean in the picture``, or the axis of a position: ``x``, ``y``
            or ``z``.
        unit (str): ``degrees`` or ``torso lengths``.
        score (float): How unusual it is, in the unit of
            :attr:`Comparison.score`, which is the mean of these.
        mean (float): Mean absolute difference to the references' mean over
            the frames.
        usual (float, optional): The same of each reference to the others'
            mean, on average; None with a single reference.
        frame (int): Frame of the attempt with the largest difference.
        second (float, optional): Its time in seconds.
        difference (float): The attempt minus the references' mean there.
        attempt (float): The attempt's value there.
        reference (float): Mean of the references there.
        deviations (float, optional): ``difference`` in standard deviations of
            the references there; None with a single one.
        range (float): How far the attempt moves in it, from the 5th to the
            95th percentile.
        reference_range (float): Mean of the references' ranges.
        curves (np.ndarray): The attempt, the references' mean and their
            standard deviation (0 for a single one) at every frame of the
            attempt, (3, T), NaN where unseen.
        words (tuple[str, str]): For more and for less of it.
    """

    joint: str
    measure: str
    unit: str
    score: float
    mean: float
    usual: float | None
    frame: int
    second: float | None
    difference: float
    attempt: float
    reference: float
    deviations: float | None
    range: float
    reference_range: float
    curves: np.ndarray
    words: tuple[str, str]

    @property
    def sentence(self) -> str:
        """What differs, and when, in words."""
        more, less = self.words
        words = more if self.difference > 0 else less
        when = (
            f'frame {self.frame}'
            if self.second is None
            else f'{self.second:.1f} s'
        )
        text = (
            f'{self.joint.replace("_", " ")} '
            f'{words.format(_amount(self.difference, self.unit))} at {when}'
        )
        if self.unit == DEGREES:
            text += f' ({self.attempt:.0f} instead of {self.reference:.0f})'
        wider = self.range - self.reference_range
        if abs(wider) > 2 * WORTH_SAYING[self.unit]:
            text += (
                f'; moves through {_number(self.range, self.unit)} instead of '
                f'{_amount(self.reference_range, self.unit)}'
            )
        return text


@dataclass(frozen=True)
class Stretch:
    """A stretch of unusual timing.

    Attributes:
        kind (str): ``fast``, ``slow``, ``paused`` (the attempt stands still),
            ``repeated`` (it moves, but does not go on: a part is repeated or
            added) or ``skipped`` (a part of the reference is left out).
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
        when = f'{self._amount(stretch.start)} to {self._amount(stretch.end)}'
        if stretch.kind == 'skipped':
            return (
                f'skipped, or rushed through: {self._amount(covered)} of the '
                f'reference ({self._amount(stretch.reference_start)} to '
                f'{self._amount(stretch.reference_end)}) at '
                f'{self._amount(stretch.start)}'
            )
        told = dict(
            fast='too fast',
            slow='too slow',
            paused='paused',
            repeated='repeated or added movement',
        )[stretch.kind]
        return (
            f'{told} from {when}: {self._amount(lasting)} instead of '
            f'{self._amount(covered)}'
        )

    def _number(value: float, unit: str) -> str:
    return f'{abs(value):.{0 if unit == DEGREES else 2}f}'


def _amount(value: float, unit: str) -> str:
    return f'{_number(value, unit)} {unit}'


def _plain(value):
    """Round a number for a file; NaN becomes None."""
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    return value.item() if isinstance(value, np.generic) else value


def _speed(sequence: EmbeddedSequence) -> np.ndarray:
    """How far a body, or the embedding, moves from frame to frame, (T - 1)."""
    if has_body(sequence):
        joints = body_motion(sequence).joints
        moved = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
        return np.nan_to_num(_nanmean(moved, 1))
    return np.linalg.norm(np.diff(sequence.embedding, axis=0), axis=-1)


def _stretch(run: Run, times: np.ndarray, speed: np.ndarray) -> Stretch:
    kind = run.kind
    if kind == 'still':
        start, end = np.searchsorted(times, run.first)
        part = speed[start : max(end, start + 1)]
        moves = part.size and np.median(part) > PAUSED * np.mean(speed)
        kind = 'repeated' if moves else 'paused'
    return Stretch(kind, *map(float, (*run.first, *run.second)))


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
        np.append(np.diff(times), times[-1] - times[-2] if len(times) > 1 else 0)
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
