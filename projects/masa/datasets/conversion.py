"""What the converters of public datasets have in common."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io.matlab import MatReadError

from .annotation import save_annotations
from .errors import AnnotationError, refuse_problems
from .gaps import fill_invisible_joints, mean_visible_pose
from .schema import check_annotations


class LabeledSequence(NamedTuple):
    """A sequence of a public dataset.

    Attributes:
        name (str): Its id.
        keypoint (np.ndarray, optional): Positions of joints, ``(T, V, C)``.
        visible (np.ndarray, optional): Which joints are visible, ``(T, V)``,
            bool; the position of another one is none. None if all are.
        activity (str): '' if not known.
        split (str): The official split: 'train', 'val' or 'test'.
        phase (np.ndarray, optional): Phase of every frame, ``(T,)`` int64.
        fields (dict): Further fields of its record.
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
    """Turn what goes wrong while a file is read into an error that names it.

    The AnnotationError says that the file cannot be read as ``kind``, such as
    ``'a label file'``: it is damaged, or not of the expected layout.
    """
    try:
        yield
    except AnnotationError:
        raise
    except (
        *(OSError, LookupError, TypeError, ValueError, AttributeError),
        *(EOFError, MatReadError, zlib.error),
        # MATLAB's newer format, which is HDF5.
        NotImplementedError,
    ) as error:
        raise AnnotationError(
            f'{path} cannot be read as {kind}: {type(error).__name__}: {error}'
        ) from error


def joint_fields(
    sequences: Sequence[LabeledSequence], skeleton: dict, mirror: bool = True
) -> list[dict]:
    """Make the fields of joints of every record, gaps filled.

    See :func:`~masa.datasets.gaps.fill_invisible_joints`; the mean pose is
    that of the training sequences, if there are any.

    Args:
        sequences (Sequence[LabeledSequence]): Each with a visible joint.
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
    seen = [s for s in sequences if s.split == 'train'] or sequences
    try:
        pose = mean_visible_pose(
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
    pairs = skeleton['flip_pairs'] if mirror else []
    return [
        _fields(
            fill_invisible_joints(s.keypoint, s.visible, pairs, pose),
            s.visible,
        )
        for s in sequences
    ]


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
) -> tuple[dict, list[str]]:
    """Put the sequences of a dataset into annotation format.

    Args:
        sequences (Iterable[LabeledSequence]): All with joints, or none.
        skeleton (dict, optional): Layout of the joints.
        activities (Sequence[str], optional): In the order of their labels.
            Defaults to those that occur, in that of the alphabet.
        phases (dict[str, list[str]], optional): Names of the phases by
            activity.
        mirror (bool): See :func:`joint_fields`. Defaults to True.
        val_share (float): Share of the training sequences of every activity
            that makes the split 'val', in [0, 1). Defaults to 0, none.
        seed (int): Of that draw. Defaults to 0.

    Returns:
        tuple[dict, list[str]]: Annotations with those of the splits 'train',
        'val' and 'test' that have sequences; and the names of the sequences
        left out because no joint is ever visible in them.

    Raises:
        AnnotationError: If no sequence is left, or none shows a mean pose.
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
    """Draw a share, in (0, 1), of the training sequences of every activity.

    Of an activity that has two sequences, it is one at least. The result are
    the names of the sequences held out.
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
    """Write an annotation file that has no problems.

    An AnnotationError lists those that there are, and names ``source``, what
    the annotations were made of.
    """
    heading = f'{source} has what an annotation file may not have'
    refuse_problems(heading, check_annotations(annotations))
    save_annotations(annotations, output)
