"""Shared code of the converters of public datasets."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

from .annotation import save_annotations
from .errors import AnnotationError, refuse_problems
from .gaps import fill_invisible_joints, mean_visible_pose
from .schema import check_annotations


class LabeledSequence(NamedTuple):
    """A sequence of a public dataset.

    Attributes:
        name (str): Id of the sequence.
        keypoint (np.ndarray, optional): Positions of joints, ``(T, V, C)``.
        visible (np.ndarray, optional): Which joints are visible, ``(T, V)``,
            bool; positions of others are ignored. None if all are visible.
        activity (str): Activity; '' if not known.
        split (str): Official split, 'train', 'val' or 'test'.
        phase (np.ndarray, optional): Phase of every frame, ``(T,)`` int64.
        fields (dict): Further fields of the record.
    """

    name: str
    keypoint: np.ndarray | None = None
    visible: np.ndarray | None = None
    activity: str = ''
    split: str = 'train'
    phase: np.ndarray | None = None
    fields: dict[str, Any] = {}


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn errors while reading a file into an error that names it.

    Raises AnnotationError if the file is damaged or not of the expected
    layout; ``kind`` is what it should be, such as ``'a label file'``.
    """
    try:
        yield
    except AnnotationError:
        raise
    except (
        *(OSError, LookupError, TypeError, ValueError, AttributeError),
        *(EOFError, scipy.io.matlab.MatReadError, zlib.error),
        # Raised for MATLAB's newer format, HDF5.
        NotImplementedError,
    ) as error:
        raise AnnotationError(
            f'{path} cannot be read as {kind}: {type(error).__name__}: {error}'
        ) from error


def joint_fields(
    sequences: Sequence[LabeledSequence], skeleton: dict, mirror: bool = True
) -> list[dict]:
    """Make the joint fields of each record, with gaps filled.

    See :func:`~masa.datasets.gaps.fill_invisible_joints`; the mean pose is
    computed on the training sequences, if there are any.

    Args:
        sequences (Sequence[LabeledSequence]): Sequences, each with a visible
            joint.
        skeleton (dict): Layout with ``flip_pairs`` and, for a mean pose,
            ``root`` and ``torso``.
        mirror (bool): Whether a joint that is never visible may take the
            position of its mirror joint: right for a body seen from the side,
            wrong for two hands. Defaults to True.

    Returns:
        list[dict]: ``total_frames``, ``keypoint`` ``(1, T, V, C)`` and
        ``keypoint_score`` ``(1, T, V)``, 1 where visible, else 0; float32.

    Raises:
        AnnotationError: If there is no mean pose, as no frame shows the root
            and the torso.
    """
    pose = None
    if skeleton.get('root') is not None and skeleton.get('torso') is not None:
        pose = _mean_pose(sequences, skeleton)
    pairs = skeleton['flip_pairs'] if mirror else []
    return [
        _fields(
            fill_invisible_joints(s.keypoint, s.visible, pairs, pose),
            s.visible,
        )
        for s in sequences
    ]


def _mean_pose(
    sequences: Sequence[LabeledSequence], skeleton: dict
) -> np.ndarray:
    # Nothing from the test split may leak into training.
    seen = [s for s in sequences if s.split == 'train'] or sequences
    try:
        return mean_visible_pose(
            [sequence.keypoint for sequence in seen],
            [sequence.visible for sequence in seen],
            np.atleast_1d(skeleton['root']).tolist(),
            [np.atleast_1d(end).tolist() for end in skeleton['torso']],
        )
    except ValueError as error:
        hidden = ~np.concatenate([s.visible for s in seen]).any(0)
        names = [skeleton['joints'][i] for i in np.flatnonzero(hidden)]
        raise AnnotationError(
            f'{error}. Of the joints, {", ".join(names) or "each"} '
            f'{"are never" if names else "is sometimes"} seen in the '
            f'{len(seen)} sequences to train on: add one that shows a whole '
            'body, or leave these joints out of the layout'
        ) from error


def _fields(keypoint: np.ndarray, visible: np.ndarray) -> dict:
    return dict(
        total_frames=len(keypoint),
        keypoint=keypoint[None].astype(np.float32),
        keypoint_score=visible[None].astype(np.float32),
    )


def build_annotations(
    sequences: Iterable[LabeledSequence],
    skeleton: dict | None = None,
    activities: Sequence[str] | None = None,
    phases: dict[str, list[str]] | None = None,
    mirror: bool = True,
    val_share: float = 0.0,
    seed: int = 0,
    test_share: float = 0.0,
) -> tuple[dict, list[str]]:
    """Convert the sequences of a dataset to annotations.

    Args:
        sequences (Iterable[LabeledSequence]): Sequences; all have joints or
            none has.
        skeleton (dict, optional): Layout of the joints.
        activities (Sequence[str], optional): Activities in the order of their
            labels. Defaults to those that occur, sorted.
        phases (dict[str, list[str]], optional): Names of the phases by
            activity.
        mirror (bool): See :func:`joint_fields`. Defaults to True.
        val_share (float): Share of the training sequences of each activity for
            the split 'val', in [0, 1). Defaults to 0.
        seed (int): Seed of the random split. Defaults to 0.
        test_share (float): Share of the training sequences of each activity
            for the split 'test', in [0, 1), drawn before 'val', if there is
            no test split. Defaults to 0.

    Returns:
        tuple[dict, list[str]]: Annotations with the non-empty splits among
        'train', 'val' and 'test'; and the names of sequences left out because
        no joint is ever visible.

    Raises:
        AnnotationError: If no sequence is left, there is no mean pose, or a
            test split is both given and to be drawn.
    """
    sequences = list(sequences)
    blind = [
        s.name
        for s in sequences
        if s.visible is not None and not s.visible.any()
    ]
    sequences = [s for s in sequences if s.name not in set(blind)]
    if not sequences:
        raise AnnotationError(
            'none of the sequences has a joint that is ever visible'
        )
    if test_share:
        if any(sequence.split == 'test' for sequence in sequences):
            raise AnnotationError(
                'there is a test split: no share of the training sequences is '
                'expected to take its place'
            )
        test = hold_out(sequences, test_share, seed)
        sequences = [
            s._replace(split='test') if s.name in test else s
            for s in sequences
        ]
    if sequences[0].keypoint is None:
        joints = [dict(total_frames=len(s.phase)) for s in sequences]
    elif sequences[0].visible is None:
        joints = [
            _fields(s.keypoint, np.ones(s.keypoint.shape[:2]))
            for s in sequences
        ]
    else:
        joints = joint_fields(sequences, skeleton, mirror)
    if activities is None:
        activities = sorted({s.activity for s in sequences} - {''})
    held_out = hold_out(sequences, val_share, seed) if val_share else set()
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    records = []
    for sequence, fields in zip(sequences, joints, strict=True):
        record = dict(frame_dir=sequence.name, **fields, **sequence.fields)
        if sequence.activity:
            record['label'] = activities.index(sequence.activity)
        if sequence.phase is not None:
            record['phase'] = sequence.phase
        records.append(record)
        split = 'val' if sequence.name in held_out else sequence.split
        splits[split].append(sequence.name)
    annotations = dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=list(activities),
    )
    if skeleton is not None:
        annotations['skeleton'] = skeleton
    if phases is not None:
        annotations['phases'] = {
            name: phases[name] for name in activities if name in phases
        }
    return annotations, blind


def hold_out(
    sequences: Iterable[LabeledSequence], share: float, seed: int
) -> set[str]:
    """Draw a share, in (0, 1), of the training sequences of each activity.

    Draws at least one sequence of an activity with two or more. Returns the
    names of the sequences held out.
    """
    by_activity: dict[str, list[str]] = {}
    for sequence in sequences:
        if sequence.split == 'train':
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
    """Check annotations and write them to a file.

    Raises AnnotationError, which lists the problems and names ``source``, from
    which the annotations were made.
    """
    heading = f'{source} has what an annotation file may not have'
    refuse_problems(heading, check_annotations(annotations))
    save_annotations(annotations, output)
