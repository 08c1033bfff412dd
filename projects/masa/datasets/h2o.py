"""H2O's hand poses and actions, as annotations."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .conversion import joint_fields
from .errors import AnnotationError
from .h2o_choices import JOINTS, MILK
from .h2o_files import ACTIONS, SPLITS, ListedSequence, read_hand_poses
from .skeletons import HANDS_42

# Of its cameras, as the dataset's paper says.
FRAME_RATE = 30.0
# In the order in which they are mostly done.
MILK_VERBS = ('place', 'grab', 'open', 'pour', 'close')


class HandSequence(NamedTuple):
    """A sequence with its hand poses.

    Attributes:
        name (str): Its path in the dataset.
        activity (str): '' if not known.
        listed (ListedSequence): What the official lists say.
        keypoint (np.ndarray): Meters, ``(T, V, 3)`` float64.
        visible (np.ndarray): ``(T, V)``, bool.
    """

    name: str
    activity: str
    listed: ListedSequence
    keypoint: np.ndarray
    visible: np.ndarray

    @property
    def is_train(self) -> bool:
        """bool: Whether it is of the official training split."""
        return self.listed.split == 'train'


def read_sequences(
    root: str | os.PathLike,
    listed: Sequence[ListedSequence],
    joints: str,
    camera: str,
    activity: str | None = None,
) -> tuple[list[HandSequence], list[str]]:
    """Read the hand poses of listed sequences.

    Args:
        root (str | os.PathLike): Folder that ``subject1`` is in.
        listed (Sequence[ListedSequence]): Which.
        joints (str): Which joints, a key of ``JOINTS``.
        camera (str): Whose frame the positions are in, such as ``'cam4'``.
        activity (str, optional): Of all. Defaults to the object that each is
            about.

    Returns:
        tuple[list[HandSequence], list[str]]: Those whose folder is there, and
        the names of the others.

    Raises:
        AnnotationError: If none is there, or a file is wrong.
    """
    names = JOINTS[joints]['joints']
    chosen = [HANDS_42['joints'].index(name) for name in names]
    found, missing = [], []
    for one in listed:
        folder = Path(root, one.name, camera, 'hand_pose')
        if not folder.is_dir():
            missing.append(one.name)
            continue
        keypoint, visible = read_hand_poses(folder, one.frames)
        found.append(
            HandSequence(
                one.name,
                one.object if activity is None else activity,
                one,
                keypoint[:, chosen],
                visible[:, chosen],
            )
        )
    if not found:
        raise AnnotationError(
            f'{root} has none of the {len(listed)} sequences wanted, such as '
            f'{Path(listed[0].name, camera, "hand_pose")}'
        )
    return found, missing


def action_phases(
    sequences: Sequence[HandSequence],
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Take the actions as phases: an activity is what is done to one object.

    Every pair of activity and phase is one of the 36 actions. Frames outside
    of all actions are of unknown phase, -1.

    Args:
        sequences (Sequence[HandSequence]): Their activity is the object.

    Returns:
        tuple[dict[str, np.ndarray], dict[str, list[str]]]: Phase of every
        frame, ``(T,)`` int64, by sequence, where the lists tell; and the
        names of the phases by activity.
    """
    names: dict[str, list[str]] = {}
    for action in ACTIONS:
        names.setdefault(action.split()[-1], []).append(action)
    labels = {}
    for one in sequences:
        if not one.activity:
            continue
        phase = np.full(len(one.keypoint), -1)
        for label, first, last in one.listed.actions:
            name = ACTIONS[label - 1]
            phase[first : last + 1] = names[one.activity].index(name)
        labels[one.name] = phase
    return labels, names


def milk_phases_of_actions(
    sequences: Sequence[HandSequence],
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Make ten phases of pouring milk from the five official actions.

    A phase is an action or the time from it to the next one. The ten phases
    of CASA and MASA are not public; these are ten as well, but need not be
    the same. Frames before the first action are of unknown phase, -1.

    Args:
        sequences (Sequence[HandSequence]): Of pouring milk.

    Returns:
        tuple[dict[str, np.ndarray], dict[str, list[str]]]: As
        :func:`action_phases`.
    """
    labels = {}
    for one in sequences:
        if not one.listed.object:
            continue
        phase = np.full(len(one.keypoint), -1)
        for label, first, last in sorted(
            one.listed.actions, key=lambda action: action.first
        ):
            number = 2 * MILK_VERBS.index(ACTIONS[label - 1].split()[0])
            phase[first : last + 1] = number
            phase[last + 1 :] = number + 1
        labels[one.name] = phase
    names = [name for verb in MILK_VERBS for name in (verb, f'after {verb}')]
    return labels, {MILK: names}


def make_annotations(
    sequences: Sequence[HandSequence],
    joints: str,
    labels: dict[str, np.ndarray],
    phase_names: dict[str, list[str]],
) -> tuple[dict, list[str]]:
    """Put sequences and phases into annotation format.

    Args:
        sequences (Sequence[HandSequence]): What the files hold.
        joints (str): Which joints, a key of ``JOINTS``.
        labels (dict[str, np.ndarray]): Phase of every frame by sequence.
        phase_names (dict[str, list[str]]): Names of the phases by activity.

    Returns:
        tuple[dict, list[str]]: Annotations with the official splits that
        have sequences, and the names of the sequences left out because no
        hand is ever annotated in them.

    Raises:
        AnnotationError: If no sequence is left, or none shows all it takes
            for a mean pose.
    """
    blind = [one.name for one in sequences if not one.visible.any()]
    sequences = [one for one in sequences if one.visible.any()]
    if not sequences:
        raise AnnotationError('none of the sequences has an annotated hand')
    activities = sorted({one.activity for one in sequences} - {''})
    # One hand stands where the other is only by chance.
    fields = joint_fields(sequences, JOINTS[joints], mirror=False)
    records = []
    for one, hands in zip(sequences, fields, strict=True):
        record = dict(frame_dir=one.name, frame_rate=FRAME_RATE, **hands)
        if one.activity:
            record['label'] = activities.index(one.activity)
        if one.name in labels:
            record['phase'] = labels[one.name]
        records.append(record)
    splits = {
        split: [one.name for one in sequences if one.listed.split == split]
        for split in SPLITS
    }
    annotations = dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=activities,
        phases={
            name: phase_names[name]
            for name in activities
            if name in phase_names
        },
        skeleton=JOINTS[joints],
    )
    return annotations, blind
