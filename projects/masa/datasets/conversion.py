"""What the converters of datasets have in common."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from .annotation import save_annotations
from .errors import AnnotationError
from .gaps import fill_invisible_joints, mean_visible_pose
from .schema import check_annotations


class JointSequence(Protocol):
    """A sequence as a dataset has it.

    Attributes:
        name (str): Its id.
        activity (str): '' if not known.
        is_train (bool): Whether it is of the official training split.
        keypoint (np.ndarray): ``(T, V, C)``.
        visible (np.ndarray): ``(T, V)``, bool; the position of a joint that
            is not visible is none.
    """

    name: str
    activity: str
    is_train: bool
    keypoint: np.ndarray
    visible: np.ndarray


def joint_fields(
    sequences: Sequence[JointSequence], skeleton: dict, mirror: bool = True
) -> list[dict]:
    """Make the fields of joints of every record, gaps filled.

    See :func:`~masa.datasets.gaps.fill_invisible_joints`; the mean pose is
    that of the training sequences, if there are any.

    Args:
        sequences (Sequence[JointSequence]): Each with a visible joint.
        skeleton (dict): Its ``flip_pairs``, ``root`` and ``torso`` are read.
        mirror (bool): Whether a joint that is never seen may take the place
            of its mirror joint: right for a body seen from its side, but
            not for two hands. Defaults to True.

    Returns:
        list[dict]: ``total_frames``, ``keypoint`` ``(1, T, V, C)`` and
        ``keypoint_score`` ``(1, T, V)``, 1 where visible, else 0; float32.

    Raises:
        AnnotationError: If no frame shows the root and the torso.
    """
    # The test split gives nothing to what it is judged on.
    seen = [one for one in sequences if one.is_train] or sequences
    try:
        pose = mean_visible_pose(
            [one.keypoint for one in seen],
            [one.visible for one in seen],
            np.atleast_1d(skeleton['root']).tolist(),
            [np.atleast_1d(end).tolist() for end in skeleton['torso']],
        )
    except ValueError as error:
        hidden = ~np.concatenate([one.visible for one in seen]).any(0)
        names = [skeleton['joints'][i] for i in np.flatnonzero(hidden)]
        raise AnnotationError(
            f'{error}. Of the joints, {", ".join(names) or "each"} '
            f'{"are never" if names else "is sometimes"} seen in the '
            f'{len(seen)} sequences to train on: add one that shows a whole '
            'body, or leave these joints out of the layout'
        ) from error
    pairs = skeleton['flip_pairs'] if mirror else []
    fields = []
    for one in sequences:
        filled = fill_invisible_joints(one.keypoint, one.visible, pairs, pose)
        fields.append(
            dict(
                total_frames=len(filled),
                keypoint=filled[None].astype(np.float32),
                keypoint_score=one.visible[None].astype(np.float32),
            )
        )
    return fields


def hold_out(
    sequences: Iterable[JointSequence], share: float, seed: int
) -> set[str]:
    """Draw a share of the training sequences of every activity.

    Args:
        sequences (Iterable[JointSequence]): All sequences.
        share (float): In (0, 1); one sequence at least of an activity that
            has two.
        seed (int): Of the draw.

    Returns:
        set[str]: Names of the sequences held out.
    """
    by_activity: dict[str, list[str]] = {}
    for sequence in sequences:
        if sequence.is_train:
            by_activity.setdefault(sequence.activity, []).append(sequence.name)
    rng = np.random.default_rng(seed)
    held_out: set[str] = set()
    for activity in sorted(by_activity):
        names = sorted(by_activity[activity])
        if len(names) > 1:
            count = min(max(1, round(share * len(names))), len(names) - 1)
            held_out.update(rng.choice(names, count, replace=False).tolist())
    return held_out


def save_checked(annotations: dict, output: Path, source: Path) -> None:
    """Write an annotation file that has no problems.

    Args:
        annotations (dict): What to write.
        output (Path): The file.
        source (Path): What it was made of, for the message.

    Raises:
        AnnotationError: If there are problems; all are listed.
    """
    problems = check_annotations(annotations)
    if problems:
        raise AnnotationError(
            f'{source} has what an annotation file may not have:\n  '
            + '\n  '.join(map(str, problems))
        )
    save_annotations(annotations, output)
