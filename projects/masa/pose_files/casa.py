"""The data format of CASA, https://github.com/taeinkwon/CASA: ``.npy``.

A file holds a pickled dict of the sequences of an activity and a split, such
as ``golf_swing_train.npy``: ``pose``, rotations of SMPL (T, 72) in camera
coordinates or joints (T, V, 3); ``beta`` (T, 10); and ``labels``, the phases
(T,).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.conversion import LabeledSequence, build_annotations
from ..datasets.errors import AnnotationError
from ..datasets.penn_action import activity_name
from ..datasets.plain_pickle import read_plain_pickle
from ..datasets.skeletons import COCO_17, HANDS_42, OPENPOSE_25, SMPL_24
from .pose_file import PoseFile
from .sequence import RecordedPeople, choose_layout
from .smpl import WIDTHS, place_smpl

# Rotations and positions of both hands, H2O's.
_MANO = 102
# Of joints, by their number: IKEA ASM's, Penn Action's and H2O's.
LAYOUTS = {17: COCO_17, 24: SMPL_24, 25: OPENPOSE_25, 42: HANDS_42}
_NAME = re.compile(r'(?P<activity>.+)_(?P<split>train|val|test)')
# NumPy's file format, version 1 and 2, of objects.
_MAGIC = b'\x93NUMPY'
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class CasaName(NamedTuple):
    """What the name of a file says.

    Attributes:
        activity (str): In the spelling of the dataset.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
    """

    activity: str
    split: str


def casa_name(path: Path) -> CasaName | None:
    """Take activity and split from a file's name; None if it has none."""
    found = _NAME.fullmatch(path.stem)
    if found is None:
        return None
    return CasaName(activity_name(found['activity']), found['split'])


def is_casa(file: PoseFile) -> bool:
    """Tell whether an ``.npy`` file holds an object, and no array."""
    header = file.head.partition(b'\n')[0]
    return header.startswith(_MAGIC) and (
        b"'|O'" in header and b"'shape': ()" in header
    )


def read_casa(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read the sequences of a file, with phases as a field ``phase``.

    Rotations become the joints ``SMPL_24`` (:func:`~.smpl.place_smpl`), in
    meters, y down.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Of joints, instead of that of their number.

    Returns:
        list[RecordedPeople]: The sequences, by name.

    Raises:
        AnnotationError: If the file is damaged, or refers to anything but
            arrays and plain containers; the sequence and key are named.
        OSError: If it cannot be opened.
    """
    (file,) = files
    content = _load(file.path)
    name = casa_name(file.path)
    return [
        _sequence(entry, str(key), file, layout, name.activity if name else '')
        for key, entry in content.items()
    ]


def make_annotations(
    paths: Iterable[Path],
    body_model: Path | None = None,
    val_share: float = 0.0,
    seed: int = 0,
    test_share: float = 0.0,
) -> tuple[dict, list[str]]:
    """Convert the sequences of files to annotations.

    Args:
        paths (Iterable[Path]): Files, such as ``golf_swing_train.npy``.
        body_model (Path, optional): For :func:`~.smpl.place_smpl`.
        val_share (float): See
            :func:`~masa.datasets.conversion.build_annotations`.
        seed (int): As there.
        test_share (float): As there.

    Returns:
        tuple[dict, list[str]]: As there.

    Raises:
        AnnotationError: As :func:`read_casa`; if a name says no activity and
            split, two sequences have one name, or the joints of two files
            differ.
        OSError: If a file cannot be opened.
    """
    found: dict[str, LabeledSequence] = {}
    first, skeleton = None, None
    for path in paths:
        name = casa_name(path)
        if name is None:
            raise AnnotationError(
                f'{path}: a name such as golf_swing_train.npy is expected, '
                'of an activity and the split train, val or test'
            )
        for one in read_casa([PoseFile(path, body_model)]):
            if one.name in found:
                raise AnnotationError(
                    f'{path}: the sequence {one.name!r} is in another file, '
                    'too: convert them apart'
                )
            first, skeleton = first or path, skeleton or one.skeleton
            if one.skeleton != skeleton:
                raise AnnotationError(
                    f'{path} has other joints than {first}: convert them apart'
                )
            keypoint, score = one.person(1, 0, f'{path}, {one.name}')
            found[one.name] = LabeledSequence(
                name=one.name,
                keypoint=keypoint,
                visible=score > 0,
                activity=name.activity,
                split=name.split,
                phase=one.fields.get('phase'),
            )
    return build_annotations(
        found.values(),
        skeleton,
        val_share=val_share,
        seed=seed,
        test_share=test_share,
    )


def _load(path: Path) -> dict:
    with open(path, 'rb') as opened:
        try:
            version = np.lib.format.read_magic(opened)
            _READERS[version](opened)
        except (ValueError, KeyError, SyntaxError) as error:
            raise AnnotationError(
                f'{path} is no whole .npy file: {error}'
            ) from error
        content = read_plain_pickle(opened.read(), str(path))
    if isinstance(content, np.ndarray) and content.shape == ():
        content = content.item()
    if not isinstance(content, dict) or not content:
        raise AnnotationError(
            f"{path} is expected to hold a dict of sequences, as CASA's files "
            f'do, but holds {type(content).__name__}'
        )
    return content


def _sequence(
    entry: Any, name: str, file: PoseFile, layout: dict | None, activity: str
) -> RecordedPeople:
    where = f'{file.path}, sequence {name}'
    pose = _array(entry, ('pose', 'joints'), where, (2, 3))
    frames = len(pose)
    if pose.ndim == 2:
        joints, up_axis = _place(pose, entry, where, file.body_model), '-y'
    else:
        joints, up_axis = pose, None
    if not frames or joints.shape[2] != 3:
        raise AnnotationError(
            f'{where}: joints (frames, joints, 3) are expected, but they have '
            f'the shape {pose.shape}'
        )
    layout = choose_layout(joints.shape[1], LAYOUTS, layout, where)
    fields = {}
    if 'labels' in entry:
        labels = _array(entry, ('labels',), where, (1,))
        if len(labels) != frames or not np.array_equal(labels, labels // 1):
            raise AnnotationError(
                f'{where}: labels are expected to be {frames} whole numbers, '
                f'but have the shape {labels.shape}'
            )
        fields['phase'] = labels.astype(np.int64)
    return RecordedPeople(
        skeleton=layout if up_axis is None else layout | {'up_axis': up_axis},
        name=name,
        activity=activity,
        keypoint=joints[None],
        fields=fields,
    )


def _place(
    pose: np.ndarray, entry: dict, where: str, body_model: Path | None
) -> np.ndarray:
    if pose.shape[1] not in WIDTHS:
        what = 'the hands of MANO, which are not read' * (
            pose.shape[1] == _MANO
        )
        raise AnnotationError(
            f'{where}: rotations of SMPL, (frames, 72), or joints (frames, '
            f'joints, 3) are expected, but pose has the shape {pose.shape} '
            f'{what}'.rstrip()
        )
    betas = None
    if 'beta' in entry:
        betas = _array(entry, ('beta',), where, (1, 2))
        betas = np.atleast_2d(betas).mean(0)
    return place_smpl(pose, None, betas, body_model)


def _array(
    entry: Any, keys: tuple[str, ...], where: str, ndims: tuple[int, ...]
) -> np.ndarray:
    """Return the first of some keys that is there, as float64."""
    key = next((k for k in keys if isinstance(entry, dict) and k in entry), '')
    if not key:
        raise AnnotationError(
            f'{where} is expected to be a dict with {" or ".join(keys)}'
        )
    try:
        array = np.array(entry[key], np.float64)
    except (ValueError, TypeError):
        array = np.zeros(())
    if array.ndim not in ndims:
        raise AnnotationError(
            f'{where}: {key} is expected to be an array of numbers with '
            f'{" or ".join(map(str, ndims))} dimensions'
        )
    return array
