from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..embeddings import EmbeddedSequence
from ..embeddings.checks import check_sequences
from .body_values import (
    body_values,
    check_dimensions,
    largest_difference,
    mean_at,
    ranges_of,
)
from .explanation import TYPICAL, Comparison
from .joint_angles import has_body, other_side
from .joint_difference import DEGREES, TORSOS, JointDifference, words_for
from .pair import Alignment, align_pair
from .timeline import central_sequence
from .timing import (
    missing_ends,
    nanmean,
    shown_part,
    time_attempt,
    times_of,
    unit_of,
)

# What is taken for the difference between references where these are more
# alike, since joints are hardly measured better.
RESOLUTION = {DEGREES: 1.0, TORSOS: 0.01}
# A mirrored attempt is taken if its score is this much lower.
MIRRORED = 0.6
# Change their sign in the mirror, by the person's left and right; those in a
# picture are told of the mirrored one.
_SIDEWAYS = {2: (), 3: ('x', 'lean side')}


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
    of the range of motion to the references' mean. Where the attempt begins
    late or stops early, it counts as standing still for what is missing. Each
    difference is divided by what it is for a reference against the others, on
    average; their mean is the score of the angle or coordinate. The score of
    the attempt is the mean of the more unusual half of these, so that one
    wrong joint is not outvoted, divided by what that is for the references.
    Without the joints of a body it is the mean squared distance of the
    embeddings, divided likewise.

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
        mirrored (Sequence[EmbeddedSequence | None], optional): The mirror
            image of each reference, where there is one. Those that agree
            clearly better with the first reference are taken instead, such
            as of somebody who does an exercise on the other side.

    Attributes:
        references (list[EmbeddedSequence]): As they are compared.
        turned (list[bool]): Which of them are mirror images.
        central (int): Position of the most central one.

    Raises:
        ValueError: As for :func:`compare`.
    """

    def __init__(
        self,
        references: EmbeddedSequence | Sequence[EmbeddedSequence],
        mirrored: Sequence[EmbeddedSequence | None] | None = None,
    ):
        if isinstance(references, EmbeddedSequence):
            references = [references]
        if not references:
            raise ValueError('at least one reference is expected')
        self.references = list(references)
        self.turned = [False] * len(references)
        if mirrored is not None and len(references) > 1:
            first = ReferenceSet(references[0])
            for i, image in enumerate(mirrored[1:], 1):
                if first.compare(references[i], image).mirrored:
                    self.references[i], self.turned[i] = image, True
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
            check_dimensions(self.references)
            for one in self.references:
                self._names, values = body_values(one)
                self._values.append(values)
        self._ranges = np.array(list(map(ranges_of, self._values)))
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
        parts = self._shown(attempt, alignments)
        matches = [
            alignment.match_first().clip(*part)
            for alignment, part in zip(alignments, parts, strict=True)
        ]
        joints = []
        if self._values and has_body(attempt):
            check_dimensions([*self.references, attempt])
            joints = self._joint_differences(
                attempt,
                matches,
                self._unseen(attempt, parts),
                mirrored,
                first_frame,
            )
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
            turned=self.turned,
            matches=matches[self.central],
            timing=time_attempt(
                attempt,
                central,
                alignments[self.central],
                [
                    (self.references[i], self._alignments[i, self.central])
                    for i in self._others(self.central)
                ],
                parts[self.central],
                first_frame,
            ),
            joints=joints,
            first_frame=first_frame,
        )

    def _shown(
        self, attempt: EmbeddedSequence, alignments: list[Alignment]
    ) -> list[tuple[int, int]]:
        """First and last frame of each reference that an attempt shows."""
        unit = unit_of([attempt, *self.references])
        times = times_of(attempt, unit)
        parts = [shown_part(one, times, unit) for one in alignments]
        late, early = missing_ends(
            self.references[self.central], unit, parts[self.central]
        )
        return [
            (first if late else 0, last if early else len(reference) - 1)
            for (first, last), reference in zip(
                parts, self.references, strict=True
            )
        ]

    def _unseen(
        self, attempt: EmbeddedSequence, parts: list[tuple[int, int]]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Pair what is missing with the attempt's first or last frame.

        Returns:
            tuple[np.ndarray, list[np.ndarray]]: (N,) frames of the attempt,
            and of each reference, as many as the attempt would need.
        """
        central = self.references[self.central]
        unit = unit_of([attempt, *self.references])
        step = np.ptp(times_of(attempt, unit)) / max(len(attempt) - 1, 1)
        along = times_of(central, unit)
        first, last = along[list(parts[self.central])]
        before, after = (
            round(lacking / step) if step else 0
            for lacking in (first - along[0], along[-1] - last)
        )
        frames = np.repeat([0, len(attempt) - 1], [before, after])
        matched = [
            np.concatenate(
                [
                    np.linspace(0, start, before, endpoint=False),
                    np.linspace(len(one) - 1, end, after, endpoint=False),
                ]
            )
            for one, (start, end) in zip(self.references, parts, strict=True)
        ]
        return frames, [np.rint(one).astype(int) for one in matched]

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
            mean, _ = mean_at(references, matches)
            wider = self._ranges[i] - nanmean(self._ranges[others], 0)
            found.append([nanmean(np.abs(values - mean), 0), np.abs(wider)])
        least = [RESOLUTION[unit] for unit in units]
        usual = np.maximum(nanmean(found, 0), least)
        scores = [_upper_half(one) for one in (found / usual).mean(1)]
        # Equal references have no difference that could be the unit.
        unit = float(np.mean(scores)) or 1.0
        return usual, unit, [score / unit for score in scores]

    def _joint_differences(
        self,
        attempt: EmbeddedSequence,
        matches: list[np.ndarray],
        unseen: tuple[np.ndarray, list[np.ndarray]],
        mirrored: bool,
        first_frame: int,
    ) -> list[JointDifference]:
        """Compare every angle and position that both sides show."""
        names, values = body_values(attempt)
        mean, spread = mean_at(self._values, matches)
        frames, lacking = unseen
        # As if the attempt stood still for what is missing.
        still = values[frames] - mean_at(self._values, lacking)[0]
        differences = np.concatenate([values - mean, still])
        apart = nanmean(np.abs(differences), 0)
        ranges, usual_ranges = ranges_of(values), nanmean(self._ranges, 0)
        wider = np.abs(ranges - usual_ranges)
        scores = (np.stack([apart, wider]) / self._usual).mean(0)
        several = len(self._values) > 1
        dimensions = attempt.keypoint.shape[-1]
        sideways = _SIDEWAYS[dimensions] if mirrored else ()
        made = []
        for f, (joint, measure, unit) in enumerate(names):
            if np.isnan(scores[f]):
                continue
            sign = -1 if measure in sideways else 1
            joint = other_side(joint) if mirrored else joint
            own, usual = sign * values[:, f], sign * mean[:, f]
            at = largest_difference(own - usual)
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
                    first_frame=first_frame,
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
                    words=words_for(joint, measure, dimensions, mirrored),
                )
            )
        return sorted(made, key=lambda one: -one.score)


def _upper_half(scores: Sequence[float]) -> float:
    """Mean of the larger half of what is known, the middle one included."""
    known = np.sort(np.asarray(scores)[~np.isnan(scores)])
    return float(known[len(known) // 2 :].mean())
