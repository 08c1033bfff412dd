"""Poses stored by detection, as in the Kinetics files of PYSKL.

A record has ``frame_inds``, ``(N,)``, the frame of each detection, and
``keypoint``, ``(N, V, 3)``, x, y and score of each joint; or ``raw_file``, a
pickle with ``keypoint`` at the top level or under the id of the record.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import AnnotationError
from .plain_pickle import load_plain_pickle
from .problem import Problem, as_array, check_array, short

# Fields of a record in a file of poses.
_POSE_FIELDS = ('keypoint', 'keypoint_score', 'frame_inds', 'box_score')


def is_packed(record: Any) -> bool:
    """Return whether poses are stored by detection or in another file.

    The record then has ``frame_inds``, or ``raw_file`` and no ``keypoint``.
    """
    return isinstance(record, dict) and (
        'frame_inds' in record
        or ('raw_file' in record and 'keypoint' not in record)
    )


def check_packed(
    name: str, record: dict, total: int | None, joints: int
) -> Iterator[Problem]:
    """Yield problems of poses stored by detection or in another file.

    ``total`` is the number of frames, if known, and ``joints`` the expected
    number of joints, 0 for any.
    """
    path = record.get('raw_file', 'x')
    if not isinstance(path, str) or not path:
        yield Problem(name, 'raw_file', 'a path', short(path))
    frames = None
    if 'frame_inds' in record:
        frames = as_array(record['frame_inds'])
        shape = '(N,), the frames of N detections'
        found = list(
            check_array(name, 'frame_inds', frames, shape, (None,), 'iu')
        )
        if not found and (
            frames.min() < 0 or (total is not None and frames.max() >= total)
        ):
            expected = f'frames in [0, {total or "total_frames"})'
            told = f'{frames.min()} to {frames.max()}'
            found = [Problem(name, 'frame_inds', expected, told)]
        if found:
            yield from found
            return
    count = 'N' if frames is None else len(frames)
    if 'keypoint' in record:
        shape = (
            f'({count}, {joints or "joints"}, 3), x, y and score of every '
            'detection'
        )
        keypoint = as_array(record['keypoint'])
        sizes = (None if frames is None else count, joints, 3)
        found = list(check_array(name, 'keypoint', keypoint, shape, sizes))
        yield from found
        if not found and frames is None:
            expected = 'the frame of every detection'
            yield Problem(name, 'frame_inds', expected, 'none')
        elif not found and not keypoint[..., :2].any():
            yield Problem(name, 'keypoint', 'positions', 'all 0')
    elif 'raw_file' not in record:
        expected = 'poses here, or a raw_file'
        yield Problem(name, 'keypoint', expected, 'neither')
    if 'box_score' in record and frames is not None:
        boxes = as_array(record['box_score'])
        if boxes.dtype.kind not in 'fiu' or boxes.shape != frames.shape:
            expected = f'numbers of shape ({count},)'
            yield Problem(name, 'box_score', expected, short(boxes))


def name_pose_files(annotations: dict) -> dict:
    """Set the default ``raw_file`` of records without poses.

    As in MMAction2, it is ``<id>.pkl``. Records with ``keypoint``,
    ``raw_file`` or ``feature_path`` are not changed.
    """
    records = annotations.get('annotations')
    if not isinstance(records, (list, tuple)):
        return annotations
    named = [
        dict(record, raw_file=f'{record_id(record)}.pkl')
        if record_id(record)
        and not {'keypoint', 'raw_file', 'feature_path'} & record.keys()
        else record
        for record in records
    ]
    return dict(annotations, annotations=named)


def unpack_poses(
    records: Sequence[dict], prefix: str | None, box_threshold: float = 0.0
) -> tuple[list[dict], list[Problem]]:
    """Convert poses stored by detection to poses by person and frame.

    Each file of poses is read once, without running code. Frames without
    detections are kept, with score 0. Within a frame people are in the order
    of the file.

    Args:
        records (Sequence[dict]): Valid records, packed and others.
        prefix (str, optional): Folder that ``raw_file`` is relative to. With
            None, records with poses in such files are not changed.
        box_threshold (float): Smallest ``box_score`` of the detections kept.
            Defaults to 0.

    Returns:
        tuple[list[dict], list[Problem]]: The records, with ``keypoint`` ``(M,
        T, V, 2)`` and ``keypoint_score`` ``(M, T, V)``, float32; and the
        problems of files and of records without detections.
    """
    unpacked, problems = list(records), []
    files: dict[str, list[int]] = {}
    for i, record in enumerate(records):
        if is_packed(record):
            here = 'keypoint' in record
            files.setdefault('' if here else record['raw_file'], []).append(i)
    for file, numbers in files.items():
        if file and prefix is None:
            continue
        content = None
        if file:
            path = Path(prefix, file)
            try:
                content = load_plain_pickle(path)
            except (AnnotationError, OSError) as error:
                for i in numbers:
                    name, expected = record_id(records[i]), 'a file of poses'
                    found = str(error)
                    problems.append(Problem(name, 'raw_file', expected, found))
                continue
        for i in numbers:
            name = record_id(records[i])
            record = {**_poses_of(content, name), **records[i]}
            record.pop('raw_file', None)
            if 'keypoint' not in record:
                expected = f'poses of {name!r}'
                found = f'{path}: none'
                problems.append(Problem(name, 'raw_file', expected, found))
                continue
            if np.ndim(as_array(record['keypoint'])) == 4:
                record.pop('frame_inds', None)
                unpacked[i] = record
                continue
            total = record['total_frames']
            found = list(check_packed(name, record, total, 0))
            if not found:
                record, found = _unpack(name, record, box_threshold)
            problems += found
            unpacked[i] = record
    return unpacked, problems


def record_id(record: Any) -> str:
    """Return ``frame_dir``, or MMAction2's ``filename``, or ''."""
    if isinstance(record, dict):
        for key in ('frame_dir', 'filename'):
            if isinstance(record.get(key), str) and record[key]:
                return record[key]
    return ''


def _poses_of(content: Any, name: str) -> dict:
    """Return the poses of a sequence; files of PYSKL contain several by id."""
    if isinstance(content, dict):
        content = content.get(name, content)
    if not isinstance(content, dict):
        return {}
    return {key: content[key] for key in _POSE_FIELDS if key in content}


def _unpack(
    name: str, record: dict, box_threshold: float
) -> tuple[dict, list[Problem]]:
    frames = np.asarray(record.pop('frame_inds'))
    poses = np.asarray(record['keypoint'], dtype=np.float32)
    if 'box_score' in record:
        sure = np.asarray(record['box_score']) >= box_threshold
        frames, poses = frames[sure], poses[sure]
        if not len(frames):
            expected = f'a detection of a score of {box_threshold} or more'
            return record, [Problem(name, 'box_score', expected, 'none')]
    order = np.argsort(frames, kind='stable')
    frames, poses = frames[order], poses[order]
    # The n-th detection of a frame is its n-th person.
    person = np.arange(len(frames)) - np.searchsorted(frames, frames)
    shape = (person.max() + 1, record['total_frames'], poses.shape[1])
    record['keypoint'] = np.zeros((*shape, 2), np.float32)
    record['keypoint'][person, frames] = poses[..., :2]
    record['keypoint_score'] = np.zeros(shape, np.float32)
    record['keypoint_score'][person, frames] = poses[..., 2]
    return record, []
