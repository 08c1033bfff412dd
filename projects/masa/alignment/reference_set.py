import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.ndimage import convolve1d, median_filter

from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_sequences
from .explanation import (
    DEGREES,
    TORSOS,
    TYPICAL,
    Comparison,
    JointDifference,
    PhaseTime,
    Stretch,
    Timing,
    words_for,
)
from .joint_angles import (
    JOINTS,
    body_joints,
    body_motion,
    has_body,
    other_side,
)
from .pair import Alignment, align_pair
from .tempo import Run, find_pace, find_runs, usual_tempo
from .timeline import central_sequence

# What is taken for the difference between references where these are more
# alike, since joints are hardly measured better.
RESOLUTION = {DEGREES: 1.0, TORSOS: 0.01}
# A mirrored attempt is taken if its score is this much lower.
MIRRORED = 0.6
# Seconds, or frames where times are unknown: over which the tempo is smoothed,
# and the least time that a stretch must gain or lose.
WINDOW = {'s': 0.3, 'frames': 9}
LEAST = {'s': 0.25, 'frames': 8}
# Seconds, or frames, over which it is taken how fast the body moves.
LAG = {'s': 0.2, 'frames': 6}
# A stretch in which the body moves less than this share of its usual speed is
# a pause; otherwise something is repeated or added.
PAUSED = 0.25
# Change their sign in the mirror.
_SIDEWAYS = ('x', 'lean side', 'lean in the picture')


def compare(
    references: EmbeddedSequence | Sequence[EmbeddedSequence],
    attempt: EmbeddedSequence,
    mirrored: EmbeddedSequence | None = None,
) -> Comparison:
    """Explain an attempt by one or several references.

    The attempt is aligned with every reference by dynamic time warping of
    the embeddings. Of each joint angle and each coordinate of a joint two
    differences are taken: the mean over the attempt's frames of the absolute
    difference to the references' mean at the same moments, and the difference
    of the range of motion to the references' mean. Each is divided by what it
    is for a reference against the others, on average; their mean is the score
    of the angle or coordinate. The score of the attempt is the mean of the
    more unusual half of these, so that one wrong joint is not outvoted,
    divided by what that is for the references. Without the joints of a body it
    is the mean squared distance of the embeddings, divided likewise.

    Args:
        references (EmbeddedSequence | Sequence[EmbeddedSequence]): Good
            performances: with two or more the score is calibrated; five are
            better.
        attempt (EmbeddedSequence): What is judged.
        mirrored (EmbeddedSequence, optional): The attempt as a mirror image,
            embedded by the same model, which is taken if it fits clearly
            better; :meth:`masa.apis.AlignmentInferencer.compare` makes it.

    Returns:
        Comparison: The score, and what it is made of.

    Raises:
        ValueError: If there is no reference, embeddings differ in width, or
            2D and 3D joints are mixed.

    Example:
        >>> import numpy as np
        >>> from masa.embeddings import EmbeddedSequence
        >>> first, second, third = (
        ...     EmbeddedSequence(str(way), way * np.arange(6.0)[:, None])
        ...     for way in (1.0, 1.1, 1.4)
        ... )
        >>> compare([first, second], third).score
        6.20
    """
    return ReferenceSet(references).compare(attempt, mirrored)


class ReferenceSet:
    """References, and how they differ from each other.

    Args:
        references (EmbeddedSequence | Sequence[EmbeddedSequence]): As for
            :func:`compare`.

    Raises:
        ValueError: As for :func:`compare`.
    """

    def __init__(
        self, references: EmbeddedSequence | Sequence[EmbeddedSequence]
    ):
        if isinstance(references, EmbeddedSequence):
            references = [references]
        self.references = list(references)
        if not self.references:
            raise ValueError('at least one reference is expected')
        embeddings = check_sequences(
            [one.embedding for one in self.references],
            ids=[one.name for one in self.references],
        )
        self.central = central_sequence(embeddings)
        self._alignments: dict[tuple[int, int], Alignment] = {}
        for i, j in combinations(range(len(embeddings)), 2):
            alignment = align_pair(embeddings[i], embeddings[j])
            self._alignments[i, j] = alignment
            self._alignments[j, i] = alignment.reverse()
        self._names: list[tuple[str, str, str]] = []
        self._values: list[np.ndarray] = []
        if all(map(has_body, self.references)):
            _check_dimensions(self.references)
            for one in self.references:
                self._names, values = _values_of(one)
                self._values.append(values)
        self._ranges = np.array(list(map(_range, self._values)))
        self._usual, self._unit, self._scores = self._calibrate()

    def compare(
        self,
        attempt: EmbeddedSequence,
        mirrored: EmbeddedSequence | None = None,
        first_frame: int = 0,
    ) -> Comparison:
        """Compare an attempt with the references.

        Args:
            attempt (EmbeddedSequence): What is judged.
            mirrored (EmbeddedSequence, optional): Its mirror image.
            first_frame (int): Where it begins in its recording.

        Returns:
            Comparison: The score, and what it is made of.

        Raises:
            ValueError: As for :func:`masa.alignment.compare`.
        """
        found = self._compare(attempt, False, first_frame)
        if mirrored is not None:
            other = self._compare(mirrored, True, first_frame)
            if other.score < MIRRORED * found.score:
                return other
        return found

    def _compare(
        self, attempt: EmbeddedSequence, mirrored: bool, first_frame: int
    ) -> Comparison:
        central = self.references[self.central]
        check_sequences(
            [central.embedding, attempt.embedding],
            ids=[central.name, attempt.name],
        )
        alignments = [
            align_pair(attempt.embedding, one.embedding)
            for one in self.references
        ]
        joints = []
        if self._values and has_body(attempt):
            _check_dimensions([*self.references, attempt])
            joints = self._joint_differences(attempt, alignments, mirrored)
        if joints:
            score = _upper_half([one.score for one in joints]) / self._unit
            reference_scores = self._scores
        else:
            score = float(np.mean([one.cost for one in alignments]))
            costs = self._reference_costs()
            # Equal references have no difference that could be the unit.
            usual = np.mean(costs) if any(costs) else 1.0
            score /= usual
            reference_scores = [cost / usual for cost in costs]
        return Comparison(
            attempt=attempt,
            references=self.references,
            reference=self.central,
            score=float(score),
            calibrated=len(self.references) > 1,
            reference_scores=list(map(float, reference_scores)),
            mirrored=mirrored,
            matches=alignments[self.central].match_first(),
            timing=self._timing(attempt, alignments[self.central]),
            joints=joints,
            first_frame=first_frame,
        )

    def _others(self, i: int) -> list[int]:
        return [j for j in range(len(self.references)) if j != i]

    def _reference_costs(self) -> list[float]:
        """Mean cost of each reference to the others; none of a single one."""
        if len(self.references) == 1:
            return []
        return [
            np.mean([self._alignments[i, j].cost for j in self._others(i)])
            for i in range(len(self.references))
        ]

    def _calibrate(self) -> tuple[np.ndarray, float, list[float]]:
        """Usual differences, (2, F), the score's unit, reference scores."""
        units = [unit for _, _, unit in self._names]
        if len(self._values) < 2:
            return np.array([[TYPICAL[unit] for unit in units]] * 2), 1.0, []
        found = []
        for i, values in enumerate(self._values):
            others = self._others(i)
            references = [self._values[j] for j in others]
            matches = [self._alignments[i, j].match_first() for j in others]
            mean, _ = _mean_at(references, matches)
            wider = self._ranges[i] - _nanmean(self._ranges[others], 0)
            found.append([_nanmean(np.abs(values - mean), 0), np.abs(wider)])
        least = [RESOLUTION[unit] for unit in units]
        usual = np.maximum(_nanmean(found, 0), least)
        scores = [_upper_half(one) for one in (found / usual).mean(1)]
        # Equal references have no difference that could be the unit.
        unit = float(np.mean(scores)) or 1.0
        return usual, unit, [score / unit for score in scores]

    def _joint_differences(
        self,
        attempt: EmbeddedSequence,
        alignments: list[Alignment],
        mirrored: bool,
    ) -> list[JointDifference]:
        """Compare every angle and position that both sides show."""
        names, values = _values_of(attempt)
        mean, spread = _mean_at(
            self._values, [one.match_first() for one in alignments]
        )
        apart = _nanmean(np.abs(values - mean), 0)
        ranges, usual_ranges = _range(values), _nanmean(self._ranges, 0)
        wider = np.abs(ranges - usual_ranges)
        scores = (np.stack([apart, wider]) / self._usual).mean(0)
        several = len(self._values) > 1
        made = []
        for f, (joint, measure, unit) in enumerate(names):
            if np.isnan(scores[f]):
                continue
            sign = -1 if mirrored and measure in _SIDEWAYS else 1
            joint = other_side(joint) if mirrored else joint
            own, usual = sign * values[:, f], sign * mean[:, f]
            at = _largest(own - usual)
            sd = spread[at, f]
            made.append(
                JointDifference(
                    joint=joint,
                    measure=measure,
                    unit=unit,
                    score=float(scores[f]),
                    mean=float(apart[f]),
                    usual=float(self._usual[0, f]) if several else None,
                    frame=at,
                    second=attempt.seconds(at),
                    difference=float(own[at] - usual[at]),
                    attempt=float(own[at]),
                    reference=float(usual[at]),
                    deviations=float((own[at] - usual[at]) / sd)
                    if sd > 0
                    else None,
                    range=float(ranges[f]),
                    reference_range=float(usual_ranges[f]),
                    curves=np.stack([own, usual, spread[:, f]]),
                    words=words_for(
                        joint, measure, attempt.keypoint.shape[-1]
                    ),
                )
            )
        return sorted(made, key=lambda one: -one.score)

    def _timing(
        self, attempt: EmbeddedSequence, alignment: Alignment
    ) -> Timing:
        reference = self.references[self.central]
        known = all(
            one.timestamps is not None for one in (attempt, *self.references)
        )
        unit = 's' if known else 'frames'

        def times(sequence):
            frames = np.arange(len(sequence))
            return (sequence.timestamps if known else frames).astype(float)

        own, along = times(attempt), times(reference)
        pace = find_pace(alignment.path, own, along, WINDOW[unit])
        others = [
            find_pace(
                self._alignments[i, self.central].path,
                times(self.references[i]),
                along,
                WINDOW[unit],
            )
            for i in self._others(self.central)
        ]
        runs = find_runs(pace, *usual_tempo(pace, others), LEAST[unit])
        speed = _speed(attempt, LAG[unit], own)
        return Timing(
            unit=unit,
            attempt=float(own[-1] - own[0]),
            reference=float(along[-1] - along[0]),
            stretches=[_stretch(run, own, speed) for run in runs],
            phases=_phase_times(reference, alignment, own, along),
            curve=np.stack([pace.first, pace.second, np.exp(pace.log_tempo)]),
        )


def _values_of(
    sequence: EmbeddedSequence,
) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Angles and positions: joint, measure and unit of each, and (T, F)."""
    body = body_motion(sequence)
    names = []
    for name in body.angles:
        joint, _, direction = name.partition('_')
        if joint == 'trunk':
            if direction == 'picture':
                direction = 'in the picture'
            names.append((joint, f'lean {direction}', DEGREES))
        else:
            raised = direction == 'shoulder'
            names.append((name, 'raise' if raised else 'bend', DEGREES))
    axes = 'xyz'[: body.joints.shape[-1]]
    names += [(joint, axis, TORSOS) for joint in JOINTS for axis in axes]
    flat = body.joints.reshape(len(body.joints), -1)
    return names, np.column_stack([*body.angles.values(), flat])


def _check_dimensions(sequences: Sequence[EmbeddedSequence]) -> None:
    kinds = {one.keypoint.shape[-1]: one.name for one in sequences}
    if len(kinds) > 1:
        raise ValueError(
            f'joints are expected all in 2D or all in 3D, but {kinds[2]} is '
            f'2D and {kinds[3]} is 3D'
        )


def _mean_at(
    values: list[np.ndarray], matches: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation at matched frames, (T, F) each."""
    matched = np.stack(
        [one[frames] for one, frames in zip(values, matches, strict=True)]
    )
    if len(matched) == 1:
        return matched[0], np.zeros_like(matched[0])
    with warnings.catch_warnings():
        # Where one reference at most shows the joint.
        warnings.simplefilter('ignore', RuntimeWarning)
        spread = np.nanstd(matched, axis=0, ddof=1)
    return _nanmean(matched, 0), spread


def _upper_half(scores: Sequence[float]) -> float:
    """Mean of the larger half of what is known, the middle one included."""
    known = np.sort(np.asarray(scores)[~np.isnan(scores)])
    return float(known[len(known) // 2 :].mean())


def _range(values: np.ndarray) -> np.ndarray:
    """From the 5th to the 95th percentile of what is known, (F,)."""
    ends = [
        np.percentile(column[known], [5, 95]) if known.any() else [np.nan] * 2
        for column, known in zip(values.T, ~np.isnan(values.T), strict=True)
    ]
    return np.ptp(ends, axis=1)


def _nanmean(values, axis) -> np.ndarray:
    """Mean of what is known; NaN where nothing is, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)
        return np.nanmean(values, axis=axis)


def _largest(difference: np.ndarray) -> int:
    """Frame of the largest difference that lasts for several frames."""
    known = ~np.isnan(difference)
    # A single frame may be a mistake of a pose estimator.
    size = np.abs(median_filter(np.where(known, difference, 0), 5))
    return int(np.where(known, size, -1).argmax())


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
        joints = convolve1d(
            body_joints(sequence), kernel, axis=0, mode='nearest'
        )
        moved = np.linalg.norm(joints[after] - joints[before], axis=-1)
        moved = np.nan_to_num(_nanmean(moved, 1))
    else:
        embedding = convolve1d(
            sequence.embedding, kernel, axis=0, mode='nearest'
        )
        moved = np.linalg.norm(embedding[after] - embedding[before], axis=-1)
    # At the ends the time is shorter.
    return moved / np.maximum(times[after] - times[before], lag / 4)


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
