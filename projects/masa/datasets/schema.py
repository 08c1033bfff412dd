"""Checks of annotation files. Pure: annotations in, all problems out."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """One thing that is wrong with an annotation file.

    Attributes:
        record (str): Which record, by its id or number; '' for the file.
        field (str): Which field of it.
        expected (str): What is expected there.
        found (str): What is there.
    """

    record: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f'record {self.record!r}, ' if self.record else ''
        return (
            f'{where}{self.field}: expected {self.expected}, '
            f'found {self.found}'
        )


def check_annotations(
    annotations: dict, feature_prefix: str | None = None
) -> list[Problem]:
    """Find everything that is wrong with annotations.

    Args:
        annotations (dict): Of the layout that docs/data.md describes.
        feature_prefix (str, optional): Folder that ``feature_path`` is
            relative to. The feature files are opened and checked only if it
            is given.

    Returns:
        list[Problem]: All problems; empty if there are none.
    """
    records = annotations.get('annotations')
    if not isinstance(records, list) or not records:
        return [
            Problem('', 'annotations', 'a list of records', _short(records))
        ]
    activities = annotations.get('activities')
    if activities is not None and not _is_list_of(activities, str):
        return [
            Problem('', 'activities', 'a list of names', _short(activities))
        ]
    skeleton = annotations.get('skeleton')
    problems = list(_check_skeleton(skeleton))
    num_joints = (
        len(skeleton['joints']) if skeleton is not None and not problems else 0
    )
    phases = annotations.get('phases') or {}
    if not isinstance(phases, dict):
        problems.append(
            Problem(
                '', 'phases', 'a dict of names by activity', _short(phases)
            )
        )
        phases = {}
    names = []
    for number, record in enumerate(records):
        name = record_name(record, number)
        names.append(name)
        if not isinstance(record, dict):
            problems.append(Problem(name, 'record', 'a dict', _short(record)))
            continue
        problems += _check_record(name, record, num_joints)
        problems += _check_labels(name, record, activities, phases)
        if feature_prefix is not None and 'feature_path' in record:
            problems += _check_feature_file(name, record, feature_prefix)
    problems += [
        Problem(name, 'frame_dir', 'an id that no other record has', f'{n} of')
        for name, n in Counter(names).items()
        if n > 1
    ]
    problems += _check_split(annotations.get('split'), set(names))
    return problems


def record_name(record: Any, number: int) -> str:
    """Return a record's id, or its number where it has none.

    Args:
        record (Any): The record.
        number (int): Its place in the file.

    Returns:
        str: ``frame_dir``, else MMAction2's ``filename``, else
        ``number <number>``.
    """
    if isinstance(record, dict):
        for key in ('frame_dir', 'filename'):
            if isinstance(record.get(key), str) and record[key]:
                return record[key]
    return f'number {number}'


def _check_split(split: Any, names: set[str]) -> Iterator[Problem]:
    if split is None:
        return
    if not isinstance(split, dict) or not split:
        yield Problem('', 'split', 'a dict of lists of ids', _short(split))
        return
    for key, ids in split.items():
        field = f'split {key!r}'
        if not isinstance(ids, (list, tuple, np.ndarray)) or len(ids) == 0:
            yield Problem('', field, 'a list of one id or more', _short(ids))
            continue
        missing = [one for one in ids if one not in names]
        if missing:
            yield Problem(
                '',
                field,
                'ids that have a record',
                f'{len(missing)} without one: {_short(missing)}',
            )
        if len(set(ids)) < len(ids):
            twice = [one for one, n in Counter(ids).items() if n > 1]
            yield Problem('', field, 'every id once', _short(twice))


def _check_skeleton(skeleton: Any) -> Iterator[Problem]:
    if skeleton is None:
        return
    if not isinstance(skeleton, dict) or not _is_list_of(
        skeleton.get('joints'), str
    ):
        yield Problem(
            '',
            'skeleton',
            "a dict with 'joints', a list of names",
            _short(skeleton),
        )
        return
    count = len(skeleton['joints'])
    wanted = dict(
        bones=('pairs of joints', lambda v: _are_pairs(v, count)),
        flip_pairs=('pairs of joints', lambda v: _are_pairs(v, count)),
        root=('a joint or a list of them', lambda v: _are_joints(v, count)),
        torso=(
            'two ends, each a joint or a list of them',
            lambda v: (
                isinstance(v, (list, tuple))
                and len(v) == 2
                and all(_are_joints(end, count) for end in v)
            ),
        ),
    )
    for key, (expected, is_right) in wanted.items():
        value = skeleton.get(key)
        if value is not None and not is_right(value):
            yield Problem(
                '',
                f'skeleton.{key}',
                f'{expected} in [0, {count})',
                _short(value),
            )


def _check_record(
    name: str, record: dict, num_joints: int
) -> Iterator[Problem]:
    total = record.get('total_frames')
    if not _is_integer(total) or total < 1:
        yield Problem(
            name, 'total_frames', 'an integer above 0', _short(total)
        )
        total = None
    if 'keypoint' in record:
        yield from _check_keypoint(name, record, total, num_joints)
    elif 'feature_path' not in record:
        yield Problem(
            name, 'keypoint', 'joints here, or a feature_path', 'neither'
        )
    if 'feature_path' in record and not isinstance(
        record['feature_path'], str
    ):
        yield Problem(
            name, 'feature_path', 'a path', _short(record['feature_path'])
        )
    for key, kinds in (('phase', 'iu'), ('canonical_time', 'fiu')):
        if key not in record:
            continue
        number = 'integers' if key == 'phase' else 'numbers'
        expected = f'{number} of shape ({total},)'
        value = _as_array(record[key])
        if value.dtype.kind not in kinds or value.ndim != 1:
            yield Problem(name, key, expected, _short(value))
        elif total is not None and len(value) != total:
            yield Problem(name, key, expected, f'shape {value.shape}')
        elif key == 'phase' and (value < 0).any():
            yield Problem(name, key, 'no negative phase', f'{value.min()}')
        elif not np.isfinite(value).all():
            yield Problem(name, key, 'finite numbers', _not_finite(value))


def _check_keypoint(
    name: str, record: dict, total: int | None, num_joints: int
) -> Iterator[Problem]:
    keypoint = _as_array(record['keypoint'])
    joints = num_joints or 'joints'
    expected = f'numbers of shape (people, {total}, {joints}, 2 or 3)'
    if (
        keypoint.dtype.kind not in 'fiu'
        or keypoint.ndim != 4
        or keypoint.shape[-1] not in (2, 3)
        or 0 in keypoint.shape
        or (total is not None and keypoint.shape[1] != total)
        or (num_joints and keypoint.shape[2] != num_joints)
    ):
        yield Problem(name, 'keypoint', expected, _short(keypoint))
        return
    if not np.isfinite(keypoint).all():
        yield Problem(
            name, 'keypoint', 'finite numbers', _not_finite(keypoint)
        )
    if 'keypoint_score' not in record:
        return
    score = _as_array(record['keypoint_score'])
    if score.dtype.kind not in 'fiub' or score.shape != keypoint.shape[:3]:
        yield Problem(
            name,
            'keypoint_score',
            f'numbers of shape {keypoint.shape[:3]}',
            _short(score),
        )
    elif not np.isfinite(score).all():
        yield Problem(
            name, 'keypoint_score', 'finite numbers', _not_finite(score)
        )
    elif not (score > 0).any():
        yield Problem(
            name, 'keypoint_score', 'a joint that is seen', 'all scores 0'
        )


def _check_labels(
    name: str, record: dict, activities: list | None, phases: dict
) -> Iterator[Problem]:
    label = record.get('label')
    if label is None:
        return
    if not _is_integer(label) or label < 0:
        yield Problem(name, 'label', 'an integer from 0', _short(label))
        return
    if activities is None:
        return
    if label >= len(activities):
        yield Problem(
            name, 'label', f'an activity in [0, {len(activities)})', str(label)
        )
        return
    names = phases.get(activities[label])
    phase = _as_array(record.get('phase', ()))
    if names and phase.dtype.kind in 'iu' and phase.size:
        highest = int(phase.max())
        if highest >= len(names):
            yield Problem(
                name,
                'phase',
                f'phases of {activities[label]} in [0, {len(names)})',
                str(highest),
            )


def _check_feature_file(
    name: str, record: dict, prefix: str
) -> Iterator[Problem]:
    if not isinstance(record['feature_path'], str):
        return
    path = Path(prefix, record['feature_path'])
    total = record.get('total_frames')
    expected = f'a .npy file of shape ({total}, channels), float16 or float32'
    try:
        feature = np.load(path, mmap_mode='r', allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        yield Problem(name, 'feature_path', expected, f'{path}: {error}')
        return
    if (
        not isinstance(feature, np.ndarray)
        or feature.ndim != 2
        or feature.dtype not in (np.float16, np.float32)
        or 0 in feature.shape
        or (_is_integer(total) and len(feature) != total)
    ):
        yield Problem(
            name, 'feature_path', expected, f'{path}: {_short(feature)}'
        )
    elif not np.isfinite(feature).all():
        yield Problem(
            name,
            'feature_path',
            'finite numbers',
            f'{path}: {_not_finite(feature)}',
        )


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:
        # Rows of unequal length: not an array of numbers.
        return np.asarray(None, dtype=object)


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_list_of(value: Any, kind: type) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(item, kind) for item in value)
    )


def _are_joints(value: Any, count: int) -> bool:
    joints = value if isinstance(value, (list, tuple)) else [value]
    return len(joints) > 0 and all(
        _is_integer(joint) and 0 <= joint < count for joint in joints
    )


def _are_pairs(value: Any, count: int) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and _are_joints(pair, count)
        and pair[0] != pair[1]
        for pair in value
    )


def _not_finite(value: np.ndarray) -> str:
    where = np.argwhere(~np.isfinite(value))
    return f'{len(where)} that are not, the first at {where[0].tolist()}'


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f'{value.dtype} of shape {value.shape}'
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
