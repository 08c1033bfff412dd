"""UTD-MHAD's official Kinect skeletons, as annotations."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat

from .errors import AnnotationError
from .matlab_files import read_as
from .skeletons import KINECT_20

# Actions 1 to 27, as the dataset's page lists them.
ACTIONS = (
    'swipe_left',
    'swipe_right',
    'wave',
    'clap',
    'throw',
    'cross_arms',
    'basketball_shoot',
    'draw_x',
    'draw_circle_clockwise',
    'draw_circle_counter_clockwise',
    'draw_triangle',
    'bowling',
    'boxing',
    'baseball_swing',
    'tennis_forehand',
    'arm_curl',
    'tennis_serve',
    'push',
    'knock',
    'catch',
    'pick_up_and_throw',
    'jog',
    'walk',
    'sit_to_stand',
    'stand_to_sit',
    'lunge',
    'squat',
)
# The usual protocol trains on the odd subjects and tests on the even ones.
TEST_SUBJECTS = (2, 4, 6, 8)
# Of the Kinect, as the dataset's paper says.
FRAME_RATE = 30.0
_FILE_NAME = re.compile(r'a(\d+)_s(\d+)_t(\d+)_skeleton')


class UTDSequence(NamedTuple):
    """One skeleton file of UTD-MHAD.

    Attributes:
        name (str): Such as ``'a01_s1_t1'``.
        action (int): In [1, 27].
        subject (int): In [1, 8].
        keypoint (np.ndarray): Meters, ``(T, 20, 3)`` float32; y is up.
    """

    name: str
    action: int
    subject: int
    keypoint: np.ndarray


def read_skeleton_file(path: str | os.PathLike) -> UTDSequence:
    """Read one official skeleton file.

    Args:
        path (str | os.PathLike): Such as ``Skeleton/a1_s1_t1_skeleton.mat``.

    Returns:
        UTDSequence: Its contents.

    Raises:
        AnnotationError: If the file is not of the official layout.
    """
    path = Path(path)
    found = _FILE_NAME.fullmatch(path.stem)
    if not found:
        raise AnnotationError(
            f'{path} is expected to have a name like a1_s1_t1_skeleton.mat'
        )
    action, subject, trial = map(int, found.groups())
    if not 1 <= action <= len(ACTIONS):
        raise AnnotationError(
            f'{path}: actions are expected in [1, {len(ACTIONS)}], but its '
            f'name says {action}'
        )
    with read_as(path, 'a skeleton file of UTD-MHAD'):
        joints = np.asarray(loadmat(path)['d_skel'], dtype=np.float32)
    expected = (len(KINECT_20['joints']), 3)
    if joints.ndim != 3 or joints.shape[:2] != expected or 0 in joints.shape:
        raise AnnotationError(
            f'{path}: d_skel is expected to have the shape '
            f'({expected[0]}, {expected[1]}, frames) with one frame at least, '
            f'but has {joints.shape}'
        )
    return UTDSequence(
        name=f'a{action:02d}_s{subject}_t{trial}',
        action=action,
        subject=subject,
        keypoint=joints.transpose(2, 0, 1),
    )


def keep_subjects(
    sequences: Collection[UTDSequence], subjects: Collection[int]
) -> list[UTDSequence]:
    """Keep the sequences of some subjects.

    Args:
        sequences (Collection[UTDSequence]): All.
        subjects (Collection[int]): Whose to keep.

    Returns:
        list[UTDSequence]: Those.

    Raises:
        AnnotationError: If a subject has none.
    """
    there = {one.subject for one in sequences}
    unknown = sorted(set(subjects) - there)
    if unknown:
        raise AnnotationError(
            f'subjects {unknown} are expected to be among those that are '
            f'there, {sorted(there)}'
        )
    return [one for one in sequences if one.subject in subjects]


def make_annotations(
    sequences: Collection[UTDSequence], val_subjects: Collection[int] = ()
) -> dict:
    """Put sequences into annotation format.

    Args:
        sequences (Collection[UTDSequence]): What the skeleton files hold.
        val_subjects (Collection[int]): Subjects of the training split that
            make the split 'val' instead. Defaults to none.

    Returns:
        dict: Annotations with the splits 'train', 'val' if asked for, and
        'test' if a subject of it is there.

    Raises:
        AnnotationError: If a subject that is asked for is not there or of
            the test split, or none is left to train on.
    """
    subjects = {one.subject for one in sequences} - set(TEST_SUBJECTS)
    unknown = sorted(set(val_subjects) - subjects)
    if unknown:
        raise AnnotationError(
            f'subjects {unknown} are expected to be among those of the '
            f'training split that are there, {sorted(subjects)}'
        )
    if subjects == set(val_subjects):
        raise AnnotationError(
            f'of the subjects {sorted(subjects)} none is left to train on'
        )
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    records = []
    for one in sorted(sequences, key=lambda sequence: sequence.name):
        kind = 'val' if one.subject in val_subjects else 'train'
        kind = 'test' if one.subject in TEST_SUBJECTS else kind
        splits[kind].append(one.name)
        records.append(
            dict(
                frame_dir=one.name,
                total_frames=len(one.keypoint),
                frame_rate=FRAME_RATE,
                label=one.action - 1,
                keypoint=one.keypoint[None],
                keypoint_score=np.ones(
                    (1, *one.keypoint.shape[:2]), dtype=np.float32
                ),
            )
        )
    return dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=list(ACTIONS),
        skeleton=KINECT_20,
    )
