"""Penn Action's official labels, as annotations."""

from collections.abc import Iterable

import numpy as np

from .errors import AnnotationError
from .gaps import fill_invisible_joints, mean_visible_pose
from .penn_labels import PennSequence
from .penn_phases import Phases
from .skeletons import PENN_ACTION


def hold_out(
    sequences: Iterable[PennSequence], share: float, seed: int
) -> set[str]:
    """Draw a share of the training sequences of every activity.

    Args:
        sequences (Iterable[PennSequence]): All sequences.
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


def make_annotations(
    sequences: list[PennSequence],
    phases: Phases | None = None,
    val_share: float = 0.0,
    seed: int = 0,
) -> dict:
    """Put sequences and phases into annotation format.

    Args:
        sequences (list[PennSequence]): What the label files hold.
        phases (Phases, optional): Phase labels. Defaults to none.
        val_share (float): Share of the training sequences of every activity
            that makes the split 'val', in [0, 1). Defaults to 0, no 'val'.
        seed (int): Of that draw. Defaults to 0.

    Returns:
        dict: Annotations with the splits 'train', 'val' if asked for, and
        'test', the official one, if there is any. Sequences in which no joint
        is ever visible are left out.

    Raises:
        AnnotationError: If no sequence is left, or none shows a mean pose.
    """
    sequences = sorted(sequences, key=lambda sequence: sequence.name)
    sequences = [one for one in sequences if one.visible.any()]
    if not sequences:
        raise AnnotationError(
            'none of the sequences has a joint that is ever visible'
        )
    held_out = hold_out(sequences, val_share, seed) if val_share else set()
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    for one in sequences:
        kind = 'val' if one.name in held_out else 'train'
        splits[kind if one.is_train else 'test'].append(one.name)
    activities = sorted({one.activity for one in sequences})
    # The test split gives nothing to what it is judged on.
    seen = [one for one in sequences if one.is_train] or sequences
    try:
        pose = mean_visible_pose(
            [one.keypoint for one in seen],
            [one.visible for one in seen],
            PENN_ACTION['root'],
            PENN_ACTION['torso'],
        )
    except ValueError as error:
        raise AnnotationError(
            f'{len(seen)} sequences are too few: {error}'
        ) from error
    records = []
    for one in sequences:
        keypoint = fill_invisible_joints(
            one.keypoint, one.visible, PENN_ACTION['flip_pairs'], pose
        )
        record = dict(
            frame_dir=one.name,
            total_frames=len(keypoint),
            label=activities.index(one.activity),
            img_shape=one.img_shape,
            original_shape=one.img_shape,
            keypoint=keypoint[None].astype(np.float32),
            keypoint_score=one.visible[None].astype(np.float32),
        )
        if phases is not None and one.name in phases.labels:
            record['phase'] = phases.labels[one.name]
        records.append(record)
    annotations = dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=activities,
        skeleton=PENN_ACTION,
    )
    if phases is not None:
        annotations['phases'] = {
            activity: phases.names[activity]
            for activity in activities
            if activity in phases.names
        }
    return annotations
