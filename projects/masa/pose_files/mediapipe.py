"""Poses of MediaPipe as its users save them: as JSON, and as arrays.

33 landmarks with x, y, z and visibility, and perhaps presence, in the order of
https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import BLAZEPOSE_33
from .picture_units import settle_units
from .pose_file import PoseFile
from .recorded_rows import RecordedRows
from .sequence import PoseSequence, choose_layout, numbers

_COUNT = len(BLAZEPOSE_33['joints'])
# x, y, z and visibility side by side; of the whole body, they are followed by
# 468 landmarks of the face and 21 of each hand.
_WIDTHS = (4 * _COUNT, 4 * _COUNT + 3 * (468 + 21 + 21))
# Where a frame has its landmarks, those in the picture first.
_KEYS = (
    *('pose_landmarks', 'poseLandmarks', 'landmarks', 'landmark'),
    *('pose_world_landmarks', 'poseWorldLandmarks', 'world_landmarks'),
    'worldLandmarks',
)
# Keys of the time of a frame, and what a second is in it.
_TIMES = {'timestamp_ms': 1000, 'time_ms': 1000, 'timestamp': 1, 'time': 1}


def is_array(file: PoseFile) -> bool:
    """Tell whether a ``.npy`` file can only be landmarks.

    That is, (T, 33, 4 or 5), or as many columns, (T, 132) or (T, 1662), whose
    visibility is in [0, 1] and whose z is not.
    """
    array = file.npy
    if array is None or array.dtype.kind != 'f':
        return False
    if array.ndim == 3:
        return array.shape[1] == _COUNT and array.shape[2] in (4, 5)
    if array.ndim != 2 or array.shape[1] not in _WIDTHS:
        return False
    rows = np.nan_to_num(array[:, : _WIDTHS[0]])
    visibility, z = rows[:, 3::4], rows[:, 2::4]
    return bool(
        ((visibility >= 0) & (visibility <= 1)).all() and (z < 0).any()
    )


def read_array(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read an array of :func:`is_array`.

    Landmarks of visibility 0, or that are NaN, were not found.
    """
    (file,) = files
    values = np.array(file.npy, dtype=np.float64)
    if values.ndim == 2:
        values = values[:, : _WIDTHS[0]].reshape(len(values), _COUNT, 4)
    if not len(values):
        raise AnnotationError(f'{file.path}: there are no frames')
    return _sequences(file, values, dict(frame=np.arange(len(values))), layout)


def is_json(content: Any) -> bool:
    """Tell whether the content of a JSON file is frames of landmarks."""
    frames = _frames_of(content)
    if not isinstance(frames, list):
        return False
    people = (_people_of(frame) for frame in frames)
    found = next((people for people in people if people), None)
    return found is not None and _is_person(found[0])


def read_json(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read a list of frames.

    A frame is a list of landmarks, a list of people, or a dict that has either
    and perhaps a time; one that shows nobody is empty or None. An
    AnnotationError names the frame that is anything else.
    """
    (file,) = files
    frames = _frames_of(file.json)
    rows, frame, seconds = [], [], []
    for number, content in enumerate(frames):
        where = f'{file.path}, frame {number}'
        people = _people_of(content)
        if people is None:
            raise AnnotationError(
                f'{where} is expected to be a list of landmarks or of people, '
                f'or a dict with one of {", ".join(_KEYS[:3])}'
            )
        # Nobody is there, but the frame is.
        nobody = np.full((_COUNT, 4), np.nan)
        found = [_landmarks(person, where) for person in people] or [nobody]
        rows += found
        frame += [number] * len(found)
        seconds += [_time_of(content, where)] * len(found)
    fields = dict(
        frame=np.array(frame),
        seconds=np.array(seconds, dtype=np.float64),
        person=[''] * len(rows),
    )
    rate = file.json.get('fps') if isinstance(file.json, dict) else None
    return _sequences(file, np.array(rows), fields, layout, rate)


def _sequences(
    file: PoseFile,
    values: np.ndarray,
    fields: dict,
    layout: dict | None,
    frame_rate: Any = None,
) -> list[PoseSequence]:
    skeleton = choose_layout(
        _COUNT, {_COUNT: BLAZEPOSE_33}, layout, str(file.path)
    )
    score = np.nan_to_num(values[..., 3])
    seen = np.where(score[..., None] > 0, values[..., :3], np.nan)
    keypoint, skeleton, normalized = settle_units(seen, skeleton)
    if not (isinstance(frame_rate, (int, float)) and frame_rate > 0):
        frame_rate = None
    rows = RecordedRows(
        path=file.path,
        keypoint=keypoint,
        lines=fields['frame'],
        what='frame',
        score=score.clip(0, 1),
        **fields,
    )
    return rows.sequences(
        skeleton, normalized=normalized, frame_rate=frame_rate
    )


def _frames_of(content: Any) -> Any:
    return content.get('frames') if isinstance(content, dict) else content


def _people_of(frame: Any) -> list | None:
    """Return the people of a frame; None if it is no frame."""
    if isinstance(frame, dict):
        key = next((key for key in _KEYS if key in frame), None)
        if key is None:
            return None
        frame = frame[key]
    if frame is None or frame == []:
        return []
    if isinstance(frame, dict):
        # Of MessageToDict.
        return _people_of(frame)
    if not isinstance(frame, list):
        return None
    return [frame] if isinstance(frame[0], dict) else frame


def _is_person(person: Any) -> bool:
    return (
        isinstance(person, list)
        and len(person) == _COUNT
        and isinstance(person[0], dict)
        and {'x', 'y', 'z'} <= person[0].keys()
    )


def _landmarks(person: Any, where: str) -> np.ndarray:
    if not isinstance(person, list) or len(person) != _COUNT:
        raise AnnotationError(
            f'{where} is expected to have {_COUNT} landmarks of a person'
        )
    try:
        values = [
            [one['x'], one['y'], one['z'], one.get('visibility', 1)]
            for one in person
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise AnnotationError(
            f"{where}: every landmark is expected to have 'x', 'y' and 'z'"
        ) from error
    return numbers(values, f'{where}: landmarks')


def _time_of(frame: Any, where: str) -> float:
    if not isinstance(frame, dict):
        return np.nan
    for key, unit in _TIMES.items():
        if frame.get(key) is not None:
            return float(numbers([frame[key]], f'{where}, {key}')[0]) / unit
    return np.nan
