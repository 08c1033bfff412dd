"""Penn Action's official label files."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat

from .errors import AnnotationError
from .matlab_files import read_as
from .skeletons import PENN_ACTION

# The activities with key events (Dwibedi et al. 2019, Table 2).
THIRTEEN_ACTIVITIES = (
    'baseball_pitch',
    'baseball_swing',
    'bench_press',
    'bowl',
    'clean_and_jerk',
    'golf_swing',
    'jumping_jacks',
    'pullup',
    'pushup',
    'situp',
    'squat',
    'tennis_forehand',
    'tennis_serve',
)
# As TCC, CASA and CARL spell some of them.
OTHER_SPELLINGS = {
    'bowling': 'bowl',
    'pullups': 'pullup',
    'pushups': 'pushup',
    'situps': 'situp',
    'squats': 'squat',
}


class PennSequence(NamedTuple):
    """One label file of Penn Action.

    Attributes:
        name (str): The file's number, such as ``'0001'``.
        activity (str): In the spelling of ``THIRTEEN_ACTIVITIES``.
        is_train (bool): Whether it is of the official training split.
        keypoint (np.ndarray): Pixels, ``(T, 13, 2)`` float64.
        visible (np.ndarray): ``(T, 13)``, bool. The position of an invisible
            joint is a constant and no position at all.
        img_shape (tuple[int, int]): Height and width.
    """

    name: str
    activity: str
    is_train: bool
    keypoint: np.ndarray
    visible: np.ndarray
    img_shape: tuple[int, int]


def activity_name(spelling: str) -> str:
    """Return the dataset's own spelling of an activity.

    Args:
        spelling (str): Its name as some code base spells it.

    Returns:
        str: The name in the label files.
    """
    return OTHER_SPELLINGS.get(spelling, spelling)


def read_label_file(path: str | os.PathLike) -> PennSequence:
    """Read one official label file.

    Args:
        path (str | os.PathLike): Such as ``labels/0001.mat``.

    Returns:
        PennSequence: Its contents.

    Raises:
        AnnotationError: If the file is not of the official layout.
    """
    path = Path(path)
    with read_as(path, 'a Penn Action label file'):
        label = loadmat(path)
        x, y, visibility = (
            np.asarray(label[key], dtype=np.float64)
            for key in ('x', 'y', 'visibility')
        )
        activity = str(np.ravel(label['action'])[0])
        train = int(np.ravel(label['train'])[0])
        height, width = (int(v) for v in np.ravel(label['dimensions'])[:2])
    joints = len(PENN_ACTION['joints'])
    for key, value in dict(x=x, y=y, visibility=visibility).items():
        if value.ndim != 2 or value.shape != (len(x), joints) or not len(x):
            raise AnnotationError(
                f'{path}: {key} is expected to have the shape (frames, '
                f'{joints}) with one frame at least, but has {value.shape}'
            )
    visible = visibility > 0
    keypoint = np.stack([x, y], axis=-1)
    if not np.isfinite(keypoint[visible]).all():
        raise AnnotationError(
            f'{path}: x and y are expected to be finite where a joint is '
            'visible, but hold NaN or infinity there'
        )
    return PennSequence(
        name=path.stem,
        activity=activity_name(activity),
        is_train=train == 1,
        keypoint=keypoint,
        visible=visible,
        img_shape=(height, width),
    )
