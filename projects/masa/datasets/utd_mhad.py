"""Convert UTD-MHAD's Kinect skeletons to annotations."""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import scipy

from .conversion import LabeledSequence, build_annotations, reading
from .errors import AnnotationError
from .skeletons import KINECT_20

# Actions 1 to 27, from the web page of the dataset.
ACTIONS = (
    *('swipe_left', 'swipe_right', 'wave', 'clap', 'throw', 'cross_arms'),
    *('basketball_shoot', 'draw_x', 'draw_circle_clockwise'),
    *('draw_circle_counter_clockwise', 'draw_triangle', 'bowling', 'boxing'),
    *('baseball_swing', 'tennis_forehand', 'arm_curl', 'tennis_serve'),
    *('push', 'knock', 'catch', 'pick_up_and_throw', 'jog', 'walk'),
    *('sit_to_stand', 'stand_to_sit', 'lunge', 'squat'),
)
# The usual protocol trains on odd and tests on even subjects.
TEST_SUBJECTS = (2, 4, 6, 8)
# Frames per second, from the paper of the dataset.
FRAME_RATE = 30.0
_FILE_NAME = re.compile(r'a(\d+)_s(\d+)_t(\d+)_skeleton')


def read_skeleton_file(path: str | os.PathLike) -> LabeledSequence:
    """Read an official skeleton file, such as ``a1_s1_t1_skeleton.mat``.

    The name of the sequence is then ``'a01_s1_t1'``; its joints are in meters,
    (T, 20, 3) float32, y up. Raises AnnotationError if the file has another
    layout.
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
    with reading(path, 'a skeleton file of UTD-MHAD'):
        joints = np.asarray(scipy.io.loadmat(path)['d_skel'], dtype=np.float32)
    expected = (len(KINECT_20['joints']), 3)
    if joints.ndim != 3 or joints.shape[:2] != expected or 0 in joints.shape:
        raise AnnotationError(
            f'{path}: d_skel is expected to have the shape '
            f'({expected[0]}, {expected[1]}, frames) with one frame at least, '
            f'but has {joints.shape}'
        )
    return LabeledSequence(
        name=f'a{action:02d}_s{subject}_t{trial}',
        keypoint=joints.transpose(2, 0, 1),
        activity=ACTIONS[action - 1],
        split='test' if subject in TEST_SUBJECTS else 'train',
        fields=dict(frame_rate=FRAME_RATE, subject=subject),
    )


def make_annotations(
    sequences: Iterable[LabeledSequence],
    subjects: Collection[int] | None = None,
    val_subjects: Collection[int] = (),
) -> dict:
    """Convert the sequences of some subjects, by default all, to annotations.

    The split 'val' has the training subjects ``val_subjects``. Raises
    AnnotationError if one of these subjects is missing or in the test split,
    or none is left for training.
    """
    sequences = sorted(sequences, key=lambda sequence: sequence.name)
    present = {sequence.fields['subject'] for sequence in sequences}
    if subjects:
        _check_subjects(subjects, present, 'those')
        sequences = [s for s in sequences if s.fields['subject'] in subjects]
        present &= set(subjects)
    training = present - set(TEST_SUBJECTS)
    _check_subjects(val_subjects, training, 'those of the training split')
    if training == set(val_subjects):
        raise AnnotationError(
            f'of the subjects {sorted(training)} none is left to train on'
        )
    annotations, _ = build_annotations(
        [
            s._replace(split='val')
            if s.fields['subject'] in val_subjects
            else s
            for s in sequences
        ],
        KINECT_20,
        ACTIONS,
    )
    return annotations


def _check_subjects(
    wanted: Collection[int], known: set[int], what: str
) -> None:
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise AnnotationError(
            f'subjects {unknown} are expected to be among {what} that are '
            f'there, {sorted(known)}'
        )
