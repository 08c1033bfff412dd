from collections.abc import Sequence

import numpy as np

from ...alignment.explanation import Comparison
from ...alignment.joint_difference import DEGREES
from ...alignment.warping import matched_frames
from ..sequence_images import can_be_shown
from .tracks import DISTANCE, Mark, Player, Track, distances, phase_marks

# Moments that are marked of each comparison.
MOMENTS = 3


def comparison_player(comparisons: Sequence[Comparison]) -> Player | None:
    """Play attempts in step with the reference that they are compared with.

    A single attempt is the clock, so that its pauses are seen. Of several, the
    reference is, and the most unusual one shows at first.

    Args:
        comparisons (Sequence[Comparison]): With the same references, in the
            order of the tracks.

    Returns:
        Player, optional: The curves are the mean difference of the angles,
        or without joints the squared distance of the embeddings. Marks are
        the largest differences, and where unusual timing begins. None if
        there is nothing to show of a sequence.
    """
    reference = comparisons[0].references[comparisons[0].reference]
    if not all(
        can_be_shown(one) for one in (reference, comparisons[0].attempt)
    ):
        return None
    is_single = len(comparisons) == 1
    is_turned = comparisons[0].turned[comparisons[0].reference]
    title = f'{reference.name} (reference{", mirrored" * is_turned})'
    frames = np.arange(len(reference))
    if is_single:
        frames = comparisons[0].matches
    tracks = [Track(reference, frames, title=title, mirrored=is_turned)]
    marks = phase_marks(reference, frames)
    for number, one in enumerate(comparisons):
        moments = _moments(one)
        frames = moment_of = np.arange(len(one.attempt))
        name = f'{one.attempt.name}{" (mirrored)" * one.mirrored}'
        if not is_single:
            frames, moment_of = _frames_of_reference(one), one.matches
            name = repetition_name(one, number)
            # A moment shows the very frame that its mark is about.
            for _, frame in moments:
                frames[moment_of[frame]] = frame
        marks += [
            Mark(label, int(moment_of[frame]), track=len(tracks))
            for label, frame in moments
        ]
        tracks.append(
            Track(
                one.attempt,
                frames,
                _difference(one)[frames],
                one.score,
                name,
                one.first_frame,
                one.mirrored,
            )
        )
    return Player(
        tracks,
        int(is_single),
        sorted(marks, key=lambda mark: mark.start),
        'mean difference of the angles [degrees]'
        if _angles(comparisons[0])
        else DISTANCE,
        shown=None if is_single else [1 + most_unusual(comparisons)],
    )


def repetition_name(one: Comparison, number: int) -> str:
    """Name one of several comparisons.

    Args:
        one (Comparison): The comparison.
        number (int): Its position among all, from 0 on.

    Returns:
        str: Its number from 1 on, where it is in the recording, and if it was
        mirrored.
    """
    mirrored = ', mirrored' * one.mirrored
    return f'repetition {number + 1} ({one.place}{mirrored})'


def most_unusual(comparisons: Sequence[Comparison]) -> int:
    """Return the position of the comparison with the highest score.

    Args:
        comparisons (Sequence[Comparison]): One or several.

    Returns:
        int: The first one of equals.
    """
    return max(range(len(comparisons)), key=lambda i: comparisons[i].score)


def _moments(one: Comparison) -> list[tuple[str, int]]:
    """List what to say of frames of the attempt."""
    times = one.attempt.timestamps
    if one.timing.unit != 's':
        times = np.arange(len(one.attempt))
    found = [(d.sentence, d.frame) for d in one.differences(MOMENTS)]
    for stretch in one.timing.stretches:
        frame = int(np.searchsorted(times, stretch.start))
        frame = min(frame, len(one.attempt) - 1)
        found.append((one.timing.sentence(stretch), frame))
    return found


def _angles(one: Comparison) -> list[np.ndarray]:
    return [d.curves for d in one.joints if d.unit == DEGREES]


def _difference(one: Comparison) -> np.ndarray:
    """How much every frame of the attempt differs, (T,)."""
    angles = _angles(one)
    if not angles:
        reference = one.references[one.reference]
        return distances(one.attempt, reference, one.matches)
    own, mean, _ = np.moveaxis(np.array(angles), 1, 0)
    apart = np.abs(own - mean)
    known = np.isfinite(apart)
    count = known.sum(axis=0)
    total = np.where(known, apart, 0).sum(axis=0)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _frames_of_reference(one: Comparison) -> np.ndarray:
    """Match a frame of the attempt to each of the reference."""
    path = np.stack([one.matches, np.arange(len(one.matches))], axis=1)
    length = len(one.references[one.reference])
    # Several frames of the reference may match one of the attempt, of which
    # ``matches`` tell the middle one.
    frames = matched_frames(path, length)
    return np.maximum.accumulate(frames).clip(0)
