from collections.abc import Iterator
from typing import Any

import numpy as np

from .packed_poses import check_packed, is_packed
from .problem import (
    LARGEST_INDEX,
    Problem,
    as_array,
    is_finite,
    is_integer,
    not_finite,
    short,
)


def check_record(
    name: str, record: dict, joints: int, coordinates: int
) -> Iterator[Problem]:
    """Check the joints and the frame labels of one record.

    Args:
        name (str): What to call it.
        record (dict): The record.
        joints (int): Number of joints that it must have, 0 for any.
        coordinates (int): Number of coordinates that a joint must have, 2 or
            3, or 0 for either.

    Yields:
        Problem: Each that there is.
    """
    total = record.get('total_frames')
    if not is_integer(total) or total < 1:
        yield Problem(name, 'total_frames', 'an integer above 0', short(total))
        total = None
    if is_packed(record):
        yield from check_packed(name, record, total, joints)
    elif 'keypoint' in record:
        yield from _check_keypoint(name, record, total, joints, coordinates)
    elif 'feature_path' not in record:
        yield Problem(
            name, 'keypoint', 'joints here, or a feature_path', 'neither'
        )
    if 'feature_path' in record and not (
        isinstance(record['feature_path'], str) and record['feature_path']
    ):
        yield Problem(
            name, 'feature_path', 'a path', short(record['feature_path'])
        )
    for key, kinds in (('phase', 'iu'), ('canonical_time', 'fiu')):
        if key in record:
            yield from _check_frame_values(name, key, record, total, kinds)
    yield from _check_times(name, record, total)
    for key in ('img_shape', 'original_shape'):
        if record.get(key) is not None:
            yield from _check_image_shape(name, key, record[key])
    if 'smpl_body_pose' in record:
        yield from _check_body_model(name, record, total)


def _check_times(
    name: str, record: dict, total: int | None
) -> Iterator[Problem]:
    rate = record.get('frame_rate')
    if rate is not None and not (
        isinstance(rate, (int, float, np.number))
        and not isinstance(rate, bool)
        and 0 < rate < np.inf
    ):
        expected = 'frames per second, a number above 0'
        yield Problem(name, 'frame_rate', expected, short(rate))
    if record.get('timestamps') is None:
        return
    found = list(_check_frame_values(name, 'timestamps', record, total, 'fiu'))
    yield from found
    if found:
        return
    steps = np.diff(as_array(record['timestamps']).astype(np.float64))
    if not (steps > 0).all():
        at = int(np.argmin(steps > 0))
        yield Problem(
            name,
            'timestamps',
            'seconds that increase',
            f'{steps[at]:g} s from frame {at} to the next',
        )


def _check_image_shape(name: str, key: str, value: Any) -> Iterator[Problem]:
    sizes = value.tolist() if isinstance(value, np.ndarray) else value
    if (
        not isinstance(sizes, (list, tuple))
        or len(sizes) != 2
        or not all(is_integer(size) and size > 0 for size in sizes)
    ):
        yield Problem(
            name, key, 'height and width, integers above 0', short(value)
        )


def _check_body_model(
    name: str, record: dict, total: int | None
) -> Iterator[Problem]:
    frames = 'total_frames' if total is None else total
    fields = {
        'smpl_body_pose': (f'({frames}, 63)', (total, 63)),
        'smpl_betas': ('(shapes,)', (None,)),
    }
    for key, (shape, sizes) in fields.items():
        value = as_array(record.get(key, ()))
        if (
            value.dtype.kind not in 'fiu'
            or not value.size
            or value.ndim != len(sizes)
            or any(
                size is not None and size != found
                for size, found in zip(sizes, value.shape, strict=True)
            )
        ):
            yield Problem(name, key, f'numbers of shape {shape}', short(value))
        elif not is_finite(value).all():
            yield Problem(name, key, 'finite numbers', not_finite(value))


def _check_frame_values(
    name: str, key: str, record: dict, total: int | None, kinds: str
) -> Iterator[Problem]:
    value = as_array(record[key])
    numbers = 'integers' if key == 'phase' else 'numbers'
    frames = 'total_frames' if total is None else total
    expected = f'{numbers} of shape ({frames},)'
    if value.dtype.kind not in kinds or value.ndim != 1 or not value.size:
        yield Problem(name, key, expected, short(value))
    elif total is not None and len(value) != total:
        yield Problem(name, key, expected, f'shape {value.shape}')
    elif key == 'phase' and not (
        value.min() >= -1 and value.max() <= LARGEST_INDEX
    ):
        yield Problem(
            name,
            key,
            f'phases in [0, {LARGEST_INDEX}], or -1 for unknown',
            f'{value.min()} to {value.max()}',
        )
    elif not is_finite(value).all():
        yield Problem(name, key, 'finite numbers', not_finite(value))


def _check_keypoint(
    name: str, record: dict, total: int | None, joints: int, coordinates: int
) -> Iterator[Problem]:
    keypoint = as_array(record['keypoint'])
    expected = (
        f'numbers of shape (people, {total or "total_frames"}, '
        f'{joints or "joints"}, {coordinates or "2 or 3"})'
    )
    if (
        keypoint.dtype.kind not in 'fiu'
        or keypoint.ndim != 4
        or keypoint.shape[-1]
        not in ((coordinates,) if coordinates else (2, 3))
        or 0 in keypoint.shape
        or (total is not None and keypoint.shape[1] != total)
        or (joints and keypoint.shape[2] != joints)
    ):
        yield Problem(name, 'keypoint', expected, short(keypoint))
        return
    if not is_finite(keypoint).all():
        yield Problem(name, 'keypoint', 'finite numbers', not_finite(keypoint))
    elif not keypoint.any():
        yield Problem(name, 'keypoint', 'positions', 'all 0')
    if 'keypoint_score' not in record:
        return
    score = as_array(record['keypoint_score'])
    if score.dtype.kind not in 'fiub' or score.shape != keypoint.shape[:3]:
        yield Problem(
            name,
            'keypoint_score',
            f'numbers of shape {keypoint.shape[:3]}',
            short(score),
        )
    elif not is_finite(score).all():
        yield Problem(
            name, 'keypoint_score', 'finite numbers', not_finite(score)
        )
    elif not (score > 0).any():
        yield Problem(
            name, 'keypoint_score', 'a joint that is seen', 'all scores 0'
        )


def check_labels(
    name: str,
    record: dict,
    activities: list[str] | None,
    phases: dict[str, list[str]],
) -> Iterator[Problem]:
    """Check the activity of one record, and that its phases have names.

    Args:
        name (str): What to call it.
        record (dict): The record.
        activities (list[str], optional): Names of the activities.
        phases (dict[str, list[str]]): Names of the phases by activity.

    Yields:
        Problem: Each that there is.
    """
    label = record.get('label')
    if label is None:
        return
    if not is_integer(label) or not -1 <= label <= LARGEST_INDEX:
        expected = (
            f'an integer in [0, {LARGEST_INDEX}], or -1 or no label where '
            'the activity is unknown'
        )
        yield Problem(name, 'label', expected, short(label))
        return
    if activities is None or label < 0:
        return
    if label >= len(activities):
        yield Problem(
            name, 'label', f'an activity in [0, {len(activities)})', str(label)
        )
        return
    names = phases.get(activities[label])
    phase = as_array(record.get('phase', ()))
    if names and phase.dtype.kind in 'iu' and phase.size:
        highest = int(phase.max())
        if highest >= len(names):
            yield Problem(
                name,
                'phase',
                f'phases of {activities[label]} in [0, {len(names)})',
                str(highest),
            )


def label_of(record: dict) -> int:
    """Return the index of the activity, -1 if it is unknown."""
    label = record.get('label')
    return -1 if label is None else int(label)
