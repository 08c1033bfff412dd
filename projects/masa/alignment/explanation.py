import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..embeddings import EmbeddedSequence
from ..support.files import atomic_path
from .joint_angles import other_side
from .joint_difference import (
    DEGREES,
    TORSOS,
    WORTH_SAYING,
    JointDifference,
    both_sides,
)
from .timing import Timing

# How two people differ who do an exercise right, by unit (UI-PRMD,
# docs/compare.md), for a single reference.
TYPICAL = {DEGREES: 10.0, TORSOS: 0.1}


@dataclass(frozen=True, eq=False)
class Comparison:
    """An attempt explained by references.

    Attributes:
        attempt (EmbeddedSequence): The attempt, mirrored if ``mirrored``.
        references (list[EmbeddedSequence]): The references.
        reference (int): Position of the one that timing and pictures refer
            to, the most central one.
        score (float): How unusual the attempt is, 0 or more; ``meaning`` says
            in which unit.
        calibrated (bool): Whether the score is calibrated on the references,
            which takes two.
        reference_scores (list[float]): Score of each reference against the
            others; empty for a single one.
        mirrored (bool): Whether the attempt was mirrored, as that fits the
            references better. ``joints`` name the attempt's own left and
            right.
        turned (list[bool]): Which references are mirror images, as they agree
            better with the first one so.
        matches (np.ndarray): Frame of the reference for each of the attempt,
            (T,) int64.
        timing (Timing): The tempo, and where it is unusual.
        joints (list[JointDifference]): All angles and positions, the most
            unusual first; empty if there are no joints of a body.
        first_frame (int): Where the attempt begins in its recording, if it is
            a part of one.
        not_compared (list[tuple[float, float]]): Where the recording has other
            movement that is long enough to be an attempt: start and end, in
            ``timing.unit``.
    """

    attempt: EmbeddedSequence
    references: list[EmbeddedSequence]
    reference: int
    score: float
    calibrated: bool
    reference_scores: list[float]
    mirrored: bool
    turned: list[bool]
    matches: np.ndarray
    timing: Timing
    joints: list[JointDifference]
    first_frame: int = 0
    not_compared: list[tuple[float, float]] = field(default_factory=list)

    @property
    def meaning(self) -> str:
        """What the score means, in words."""
        if self.calibrated:
            low, high = min(self.reference_scores), max(self.reference_scores)
            return (
                '1 is as far from the references'
                f'{", in the joints that differ most," if self.joints else ""}'
                ' as each of them is from the others on average, and 2 twice '
                f'as far. Against each other the {len(self.references)} '
                f'references score {low:.1f} to {high:.1f}.'
            )
        if self.joints:
            return (
                'With a single reference the score cannot be calibrated: give '
                'several references to make it meaningful. Until then, 1 '
                'means that the joints that differ most differ by '
                f'{TYPICAL[DEGREES]:.0f} degrees and {TYPICAL[TORSOS]} torso '
                'lengths on average: about as those of two people who both '
                'do an exercise correctly.'
            )
        return (
            'With a single reference the score cannot be calibrated: give '
            'several references to make it meaningful. Until then, it is the '
            'mean squared distance of the embeddings, which only compares '
            'attempts with each other.'
        )

    @property
    def place(self) -> str:
        """Where the attempt is in its recording, in words."""
        start = float(self.timing.curve[0, 0])
        end = start + self.timing.attempt
        if self.timing.unit == 'frames':
            return f'frames {start:.0f} to {end:.0f}'
        return f'{start:.1f} s to {end:.1f} s'

    @property
    def what_stands_out(self) -> str:
        """The largest difference and the first unusual timing, in words."""
        told = [one.sentence for one in self.differences(1)]
        told += map(self.timing.sentence, self.timing.stretches[:1])
        return '; '.join(told)

    @property
    def told_of_not_compared(self) -> str:
        """What of the recording was not compared, in words, if anything."""
        if not self.not_compared:
            return ''
        places = ', and from '.join(
            f'{start:.1f} s to {end:.1f} s'
            if self.timing.unit == 's'
            else f'frame {start:.0f} to {end:.0f}'
            for start, end in self.not_compared
        )
        return (
            f'The movement from {places} is too unlike the references to be '
            'compared, but long enough for one repetition or more: look there.'
        )

    def differences(self, most: int = 3) -> list[JointDifference]:
        """Return what differs most, once for every joint and unit.

        Both sides of the body are one difference where they differ alike
        (:func:`.joint_difference.both_sides`). Up to two thirds are unusual
        angles, which come first: each is of one joint, while a position
        depends on all joints up to it.

        Args:
            most (int): The largest number.

        Returns:
            list[JointDifference]: The most unusual first of each kind;
            differences below 5 degrees or 0.05 torso lengths are left out.
        """
        worth, seen = [], set()
        known = {(one.joint, one.measure): one for one in self.joints}
        for one in self.joints:
            if (one.joint, one.unit) in seen:
                continue
            told, sides = one, {one.joint}
            other = known.get((other_side(one.joint), one.measure), one)
            both = None if other is one else both_sides(one, other)
            if both is not None:
                told, sides = both, {one.joint, other.joint}
            if abs(told.difference) < WORTH_SAYING[told.unit]:
                continue
            seen |= {(joint, one.unit) for joint in sides}
            worth.append(told)
        first = [
            one for one in worth if one.unit == DEGREES and one.score >= 1
        ][: -(-most * 2 // 3)]
        return (first + [one for one in worth if one not in first])[:most]

    @property
    def mirrored_references(self) -> list[str]:
        """Names of the references that are mirror images."""
        pairs = zip(self.references, self.turned, strict=True)
        return [one.name for one, is_turned in pairs if is_turned]

    @property
    def told_of_turned(self) -> str:
        """Which references are mirror images, in words."""
        return (
            f'references mirrored to agree with {self.references[0].name}: '
            f'{", ".join(self.mirrored_references) or "none"}'
        )

    @property
    def summary(self) -> list[str]:
        """Score, meaning, mirroring, what is missing, joints, timing."""
        lines = [f'score {self.score:.2f}', self.meaning]
        if self.mirrored:
            lines.append('compared as a mirror image, which fits better')
        if any(self.turned):
            lines.append(self.told_of_turned)
        joints = [one.sentence for one in self.differences()]
        timing = self.timing
        missing = [one for one in timing.stretches if one.kind == 'missing']
        others = [one for one in timing.stretches if one.kind != 'missing']
        lines += map(timing.sentence, missing)
        return lines + joints + list(map(timing.sentence, others))

    def to_dict(self) -> dict:
        """Return everything but the curves as plain values.

        Returns:
            dict: For a JSON file. Times are in ``timing.unit``.
        """
        timing = self.timing
        return dict(
            attempt=self.attempt.name,
            references=[one.name for one in self.references],
            timing_reference=self.references[self.reference].name,
            score=_plain(self.score),
            calibrated=self.calibrated,
            meaning=self.meaning,
            reference_scores=list(map(_plain, self.reference_scores)),
            mirrored=self.mirrored,
            mirrored_references=self.mirrored_references,
            first_frame=self.first_frame,
            not_compared=self.not_compared,
            frames=len(self.attempt),
            summary=self.summary,
            timing=dict(
                unit=timing.unit,
                attempt=_plain(timing.attempt),
                reference=_plain(timing.reference),
                stretches=[
                    _fields(one) | dict(sentence=timing.sentence(one))
                    for one in timing.stretches
                ],
                phases=list(map(_fields, timing.phases)),
            ),
            joints=[
                _fields(one, ('curves', 'words')) | dict(sentence=one.sentence)
                for one in self.joints
            ],
        )

    def save(self, path: str | Path) -> None:
        """Write the comparison as a page or as JSON.

        Args:
            path (str | Path): ``.html``, one file without links to others, or
                ``.json``, :meth:`to_dict`.

        Raises:
            ValueError: If the suffix is another.
            OSError: If the file cannot be written.
        """
        save_comparisons([self], path)


def save_comparisons(
    comparisons: Sequence[Comparison], path: str | Path, height: int = 240
) -> None:
    """Write comparisons as a page or as JSON.

    Args:
        comparisons (Sequence[Comparison]): One, or those of the repetitions in
            a recording. The page has a row for each, and opens the
            explanation of the worst.
        path (str | Path): ``.html``, one file without links to others, or
            ``.json``: :meth:`Comparison.to_dict`, in a list for several.
        height (int): Height in pixels of the pictures of videos that the page
            plays.

    Raises:
        ValueError: If there is no comparison, or the suffix is another.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not comparisons:
        raise ValueError(f'there is no comparison to write to {path}')
    if suffix == '.json':
        made = [one.to_dict() for one in comparisons]
        text = json.dumps(made if len(made) > 1 else made[0], indent=1) + '\n'
    elif suffix == '.html':
        # Drawing is not needed to compare.
        from ..visualization.comparison_page import comparison_page

        text = comparison_page(comparisons, height)
    else:
        raise ValueError(f'{path} is expected to be .html or .json')
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def _fields(one, left_out: Sequence[str] = ()) -> dict:
    return {
        key: _plain(value)
        for key, value in vars(one).items()
        if key not in left_out
    }


def _plain(value):
    """Round a number for a file; NaN becomes None."""
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    return value
