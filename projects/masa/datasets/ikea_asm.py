"""Convert IKEA ASM's drawer assemblies to annotations.

Layouts follow the code of the dataset,
https://github.com/IkeaASM/IKEA_ASM_Dataset (``action/utils.py``,
``human_pose/triangulate.py``, ``human_pose/eval.py``).
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .conversion import reading
from .errors import AnnotationError
from .npy_file import map_npy
from .skeletons import LAYOUTS, layouts_of
from .text_files import read_json

SPLITS = dict(training='train', testing='test')
# Names of the layouts in the dataset's code: the save format of triangulated
# poses, and a part of the folder name of a method.
FORMATS = {'ikea': 'COCO_17', 'body25': 'OPENPOSE_25'}
METHODS = {'keypoint_rcnn': 'COCO_17', 'openpose': 'OPENPOSE_25'}
# IKEA ASM's actions of a drawer, NA (no action) and other. That these are the
# 17 phases of CASA and MASA is inferred from their number.
DRAWER_PHASES = (
    'NA',
    'align side panel holes with front panel dowels',
    'attach drawer back panel',
    'attach drawer side panel',
    'insert drawer pin',
    *(
        f'lay down {part} panel'
        for part in ('back', 'bottom', 'front', 'side')
    ),
    *(f'pick up {part} panel' for part in ('back', 'bottom', 'front', 'side')),
    'pick up pin',
    'position the drawer right side up',
    'slide bottom of drawer',
    'other',
)


class Scan(NamedTuple):
    """One assembly of one piece of furniture.

    Attributes:
        name (str): Its path in the dataset, ``'Kallax_Shelf_Drawer/0001_
            black_table_02_01_2019_08_16_14_00'``.
        split (str): The official split, 'train' or 'test'.
        segments (list[tuple[str, int, int]]): Action, first and last frame,
            both inclusive.
    """

    name: str
    split: str
    segments: list[tuple[str, int, int]]

    @property
    def frames(self) -> int:
        """int: Number of frames according to the segments."""
        return 1 + max(last for _, _, last in self.segments)


def read_segments(path: str | os.PathLike, furniture: str) -> list[Scan]:
    """Read the action segments of one kind of furniture, sorted by name.

    ``path`` is ``gt_segments.json``: ``{'database': {scan: {'subset':
    'training' or 'testing', 'annotation': [{'label': action, 'segment':
    [first, last]}]}}}``; ``furniture`` is a name such as
    ``'Kallax_Shelf_Drawer'``. Raises AnnotationError, which names the scan, if
    the file has another layout or no scan of the furniture.
    """
    content = read_json(path)
    try:
        database = content['database'].items()
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is expected to hold 'database', a dict by scan, but: "
            f'{error!r}'
        ) from error
    scans = []
    for name, entry in sorted(database):
        if name.split('/')[0] != furniture:
            continue
        try:
            segments = [
                (str(action['label']), *map(int, action['segment']))
                for action in entry['annotation']
            ]
            scan = Scan(name, SPLITS[entry['subset']], segments)
            wrong = [
                s for s in segments if len(s) != 3 or not 0 <= s[1] <= s[2]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(
                f"{path}, {name}: expected a 'subset' of {sorted(SPLITS)} "
                "and an 'annotation' of labels and segments, but: "
                f'{error!r}'
            ) from error
        if wrong or not segments:
            raise AnnotationError(
                f'{path}, {name}: segments are expected to be [first, last] '
                f'with 0 <= first <= last, but found {wrong or "none"}'
            )
        scans.append(scan)
    if not scans:
        raise AnnotationError(f'{path} has no scans of {furniture}')
    return scans


class Poses(NamedTuple):
    """Poses of a scan.

    Attributes:
        keypoint (np.ndarray): ``(T, V, C)`` float64, 0 if not visible.
        visible (np.ndarray): ``(T, V)``, bool.
        layout (str): Name of the layout of the joints, a key of
            :data:`~masa.datasets.skeletons.LAYOUTS`.
    """

    keypoint: np.ndarray
    visible: np.ndarray
    layout: str


def read_pose3d(folder: Path, frames: int, layout: str | None = None) -> Poses:
    """Read triangulated poses, ``dev3/pose3d/000000.json`` and so on.

    Each file has x, y, z in centimeters in the camera frame and a confidence
    for each joint as ``pose_keypoints_3d``, all 0 for a joint not found.
    ``layout`` is needed only if the ``format`` of the files does not give it:
    ``ikea`` is COCO's, ``body25`` BODY_25. Frames may lack a file. Raises
    AnnotationError if a file has another or an unknown layout, or there is no
    file.
    """
    return _read_frames(
        folder, '{:06d}.json', frames, 4, _triangulated, layout
    )


def read_pose2d(folder: Path, frames: int, layout: str | None = None) -> Poses:
    """Read poses from ``scan_video_000000000000_keypoints.json`` and so on.

    The files are in OpenPose's layout: ``people``, each with x and y in pixels
    and a confidence for each joint as ``pose_keypoints_2d``. Of several people
    the one with the highest mean confidence is taken, as in the dataset's
    triangulation. The joints are COCO's if the name of the folder contains
    ``keypoint_rcnn``, BODY_25's if it contains ``openpose``; else ``layout``
    must be given. Raises AnnotationError if a file has another or an unknown
    layout, or there is no file.
    """
    told = [name for part, name in METHODS.items() if part in folder.name]
    return _read_frames(
        folder,
        'scan_video_{:012d}_keypoints.json',
        frames,
        3,
        _most_confident,
        layout or (told[0] if told else None),
    )


def read_bodies(path: Path, frames: int, layout: str) -> Poses:
    """Read the joints of a body model, ``.npy`` of (T, V, 3).

    Joints are NaN where nobody was found. The file may have a few frames fewer
    or more than ``frames``; surplus frames are dropped. Raises AnnotationError
    if it cannot be read or has another shape.
    """
    with reading(path, 'joints of a body model'):
        joints = map_npy(path)
    count = len(LAYOUTS[layout]['joints'])
    if joints.ndim != 3 or joints.shape[1:] != (count, 3):
        raise AnnotationError(
            f'{path} is expected to have the shape (frames, {count}, 3), the '
            f'joints of {layout}, but has {joints.shape}'
        )
    _check_length(path, len(joints), frames)
    keypoint = np.zeros((frames, count, 3))
    joints = joints[:frames]
    keypoint[: len(joints)] = np.nan_to_num(joints, posinf=0, neginf=0)
    visible = np.zeros((frames, count), dtype=bool)
    visible[: len(joints)] = np.isfinite(joints).all(-1)
    return Poses(keypoint, visible, layout)


def frame_phases(
    scan: Scan, frames: int, na: str = 'phase'
) -> tuple[np.ndarray, int]:
    """Return the phase of every frame of a scan, (T,) int64.

    Phases are indices into ``DRAWER_PHASES``. Frames without a segment are NA,
    as in the dataset's code, or unknown with ``na='unknown'``; frames after
    the last segment are unknown, -1. Actions of other furniture count as
    'other'; also returns the number of such segments.
    """
    phase = np.full(frames, -1)
    phase[: scan.frames] = 0
    foreign = 0
    for label, first, last in scan.segments:
        foreign += label not in DRAWER_PHASES
        name = label if label in DRAWER_PHASES else 'other'
        phase[first : last + 1] = DRAWER_PHASES.index(name)
    if na == 'unknown':
        phase[phase == 0] = -1
    return phase, foreign


def feature_file(folder: Path, scan: Scan) -> tuple[str, int]:
    """Find the features of a scan, ``<scan>.npy`` of (T, D).

    Returns the path relative to the folder, and T. Raises AnnotationError if
    the file cannot be read or T differs too much from the segments.
    """
    path = folder / f'{scan.name}.npy'
    with reading(path, 'a .npy of shape (frames, channels)'):
        frames, _ = map_npy(path).shape
    _check_length(path, frames, scan.frames)
    return f'{scan.name}.npy', frames


def _check_length(path: Path, found: int, frames: int) -> None:
    """Check that the number of frames roughly agrees with the segments.

    Segments omit a last frame with a label of its own, and videos are a few
    frames longer or shorter than their labels.
    """
    if abs(found - frames) > max(5, frames // 100):
        raise AnnotationError(
            f'{path} has {found} frames, but the action segments {frames}'
        )


def _read_frames(folder, pattern, frames, width, choose, layout):
    keypoint = visible = None
    for frame in range(frames):
        path = folder / pattern.format(frame)
        if not path.exists():
            continue
        content = read_json(path)
        values = choose(content, path)
        if values is None:
            continue
        layout = _layout_of(content, path, layout, len(values) // width)
        joints = len(LAYOUTS[layout]['joints'])
        if values.size != joints * width:
            raise AnnotationError(
                f'{path} is expected to hold {width} numbers for each of the '
                f'{joints} joints of {layout}, but holds {values.size}'
            )
        values = values.reshape(joints, width)
        if keypoint is None:
            keypoint = np.zeros((frames, joints, width - 1))
            visible = np.zeros((frames, joints), dtype=bool)
        visible[frame] = (values[:, -1] > 0) & np.isfinite(values).all(1)
        keypoint[frame] = np.where(visible[frame, :, None], values[:, :-1], 0)
    if keypoint is None:
        raise AnnotationError(
            f'{folder} is expected to hold poses of frames 0 to '
            f'{frames - 1}, {pattern.format(0)} and so on, but holds none'
        )
    return Poses(keypoint, visible, layout)


def _layout_of(
    content: dict, path: Path, layout: str | None, joints: int
) -> str:
    """Return the given layout, or else the one named in a file."""
    told = content.get('format')
    own = FORMATS.get(told) if isinstance(told, str) else None
    if own is None and layout is None:
        raise AnnotationError(
            f'{path} holds {joints} joints and does not say in what order: '
            f"'format' is {told!r}, expected one of {list(FORMATS)}; name "
            f'the layout by --skeleton, one of '
            f'{layouts_of(joints) or list(LAYOUTS)}'
        )
    if own and layout and own != layout:
        raise AnnotationError(
            f"{path} is expected to hold joints of {layout}, but its 'format' "
            f'{told!r} is {own}'
        )
    return layout or own


def _triangulated(content: Any, path: Path) -> np.ndarray:
    return _numbers(content, 'pose_keypoints_3d', path)


def _most_confident(content: Any, path: Path) -> np.ndarray | None:
    people = content.get('people') if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise AnnotationError(f"{path} is expected to hold 'people', a list")
    poses = [_numbers(pose, 'pose_keypoints_2d', path) for pose in people]
    return max(poses, key=lambda pose: pose[2::3].mean(), default=None)


def _numbers(content: Any, key: str, path: Path) -> np.ndarray:
    try:
        values = np.array(content[key], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(
            f'{path} is expected to hold {key!r}, a list of numbers, but: '
            f'{error!r}'
        ) from error
    if values.ndim != 1 or not len(values):
        raise AnnotationError(
            f'{path}: {key!r} is expected to be a list of numbers, but has '
            f'the shape {values.shape}'
        )
    return values
