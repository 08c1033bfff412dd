"""Motion capture as C3D, read by ezc3d.

The format is described in https://www.c3d.org/docs/C3D_User_Guide.pdf. Points
that were not found have the residual -1.
"""

import struct
import warnings
from collections.abc import Iterable, Mapping
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..support.extras import explain_missing
from .markers import (
    choose_markers,
    layout_of_markers,
    to_meters,
    without_subject,
)
from .pose_file import PoseFile
from .sequence import RecordedPeople

# Bytes of a block, and what the second byte of a file is.
_BLOCK, _KEY = 512, 0x50
# By the processor's number the order of bytes, and which byte of the scale has
# the sign that tells real numbers from integers.
_PROCESSORS = {84: ('<', 15), 85: ('<', 13), 86: ('>', 12)}
# What else than positions may be among the points: results of a model.
_RESULTS = ('ANGLES', 'FORCES', 'MOMENTS', 'POWERS', 'SCALARS', 'REACTIONS')
_UP_AXES = {'+Y': 'y', '-Y': '-y', '+Z': 'z'}


def is_c3d(file: PoseFile) -> bool:
    """Tell whether a file is a C3D file."""
    return file.head[1:2] == bytes([_KEY])


def read_c3d(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read the points of a C3D file, in meters.

    Of several subjects, whose labels begin with their names (``Ann:LASI``),
    those are people that have the same points as the one with the most.
    Of their points those of :func:`~.markers.choose_markers` are read; results
    of a model that are no positions never. Up is what ``POINT:Y_SCREEN`` says.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Whose joints are the points, in the order of
            the file.

    Returns:
        list[RecordedPeople]: The one sequence.

    Raises:
        AnnotationError: If the file is damaged, or has no points with labels.
        ImportError: If ezc3d is not installed.
        OSError: If it cannot be opened.
    """
    (file,) = files
    content = _load(file)
    path, point = file.path, content['parameters']['POINT']
    points = _positions(content)
    people = _people(_labels(point, path, points.shape[1]), point)
    if not people:
        raise AnnotationError(
            f'{path} is expected to have points with labels, such as LASI, '
            f'but has {points.shape[1]} points without'
        )
    chosen = choose_markers(people[0], layout)
    up = _text(point, 'Y_SCREEN').upper()
    layout = layout_of_markers(chosen, layout, str(path), _UP_AXES.get(up))
    rate = float(_values(point, 'RATE')[0]) if 'RATE' in point else 0.0
    return [
        RecordedPeople(
            skeleton=layout,
            keypoint=np.stack(
                [points[:, [one[label] for label in chosen]] for one in people]
            ),
            frame_rate=rate if rate > 0 else None,
        )
    ]


def _load(file: PoseFile) -> Mapping:
    try:
        import ezc3d
    except ImportError as error:
        raise explain_missing('reading C3D files', 'formats', error) from error
    _check_header(file)
    try:
        content = ezc3d.c3d(str(file.path))
    # ezc3d raises its own as any of these.
    except (RuntimeError, ValueError, IndexError, OSError) as error:
        raise AnnotationError(
            f'{file.path} cannot be read as a C3D file: '
            f'{" ".join(str(error).split())}'
        ) from error
    if 'POINT' not in content['parameters']:
        raise AnnotationError(
            f'{file.path} is expected to have the parameters of POINT'
        )
    return content


def _check_header(file: PoseFile) -> None:
    """Raise AnnotationError if the file is shorter than its header says."""
    path, size = file.path, file.path.stat().st_size
    start = (file.head[0] - 1) * _BLOCK
    with open(path, 'rb') as opened:
        opened.seek(max(start, 0))
        processor = opened.read(4)[3:]
    order, sign = _PROCESSORS.get(processor[0] if processor else 0, ('', 0))
    if not order or len(file.head) < _BLOCK or start <= 0:
        raise AnnotationError(
            f'{path} is expected to be a C3D file, but its header is damaged '
            'or cut off'
        )
    points, analog, first, last = struct.unpack(f'{order}4H', file.head[2:10])
    (data,) = struct.unpack(f'{order}H', file.head[16:18])
    # Of more than 65,535, some programs write the low 16 bits.
    frames = max(last - first + 1, 0)
    width = 4 if file.head[sign] & 0x80 else 2
    needed = (data - 1) * _BLOCK + frames * (4 * points + analog) * width
    if size < needed:
        raise AnnotationError(
            f'{path} is cut off or damaged: its header says frames {first} to '
            f'{last}, which take {needed} bytes, but it has {size}'
        )


def _positions(content: Mapping) -> np.ndarray:
    """Return the points in meters, (T, N, 3), NaN where not found."""
    points = np.moveaxis(content['data']['points'][:3], 0, -1)
    points = points.swapaxes(0, 1).astype(np.float64)
    residual = content['data']['meta_points']['residuals'][0].T
    points[residual < 0] = np.nan
    return to_meters(points, _text(content['parameters']['POINT'], 'UNITS'))


def _values(point: Mapping, key: str) -> list:
    return list(point[key]['value']) if key in point else []


def _text(point: Mapping, key: str) -> str:
    """Return the first of a parameter's texts, '' if there is none."""
    return str(next(iter(_values(point, key)), '')).strip()


def _many(point: Mapping, key: str) -> list[str]:
    """Return all texts of a parameter, which has 255 at most: X, X2, ..."""
    keys = (f'{key}{number if number > 1 else ""}' for number in count(1))
    there = takewhile(lambda one: one in point, keys)
    return [str(text).strip() for one in there for text in _values(point, one)]


def _labels(point: Mapping, path: Path, number: int) -> list[str]:
    labels = _many(point, 'LABELS')
    if len(labels) < number:
        warnings.warn(
            f'{path}: {number - len(labels)} of {number} points have no '
            'label and are left out',
            stacklevel=2,
        )
    return labels[:number]


def _people(labels: list[str], point: Mapping) -> list[dict[str, int]]:
    """Return for each person the points by their labels.

    Points that nobody has named are called ``*12``, or nothing.
    """
    results = {label for key in _RESULTS for label in _many(point, key)}
    subjects: dict[str, dict[str, int]] = {}
    for i, label in enumerate(labels):
        subject, _, name = label.rpartition(':')
        if {label, name} & results or not name or name.startswith('*'):
            continue
        subjects.setdefault(subject, {}).setdefault(name, i)
    people = [
        dict(zip(without_subject(one), one.values(), strict=True))
        for one in subjects.values()
    ]
    most = max(people, key=len, default={})
    return [one for one in people if one.keys() == most.keys()]
