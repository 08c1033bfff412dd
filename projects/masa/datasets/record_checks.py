from collections.abc import Iterator
from typing import Any

import numpy as np

from .packed_poses import check_packed, is_packed
from .problem import (
    FINITE,
    LARGEST_INDEX,
    Problem,
    as_array,
    check_array,
    is_integer,
    short,
)


def check_record(
    name: str, record: dict, joints: int, coordinates: int
) -> Iterator[Problem]:
    """Yield problems of the joints and frame labels of one record.

    ``joints`` and ``coordinates``, 2 or 3, are the expected numbers, 0 for
    any.
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
    frames = total or 'total_frames'
    for key in ('phase', 'canonical_time'):
        if key in record:
            yield from _check_frame_values(name, key, record, total)
    yield from _check_times(name, record, total)
    subject = record.get('subject')
    if not (isinstance(subject, str | None) or is_integer(subject)):
        yield Problem(name, 'subject', 'a text or an integer', short(subject))
    for key in ('img_shape', 'original_shape'):
        if record.get(key) is not None:
            yield from _check_image_shape(name, key, record[key])
    if 'smpl_body_pose' in record:
        for key, shape, sizes in (
            ('smpl_body_pose', f'({frames}, 63)', (total, 63)),
            ('smpl_betas', '(shapes,)', (None,)),
        ):
            value = record.get(key, ())
            yield from check_array(name, key, value, shape, sizes)


def _check_frame_values(
    name: str, key: str, record: dict, total: int | None
) -> Iterator[Problem]:
    kinds = 'iu' if key == 'phase' else 'fiu'
    shape = f'({total or "total_frames"},)'
    found = list(check_array(name, key, record[key], shape, (total,), kinds))
    yield from found
    if key != 'phase' or found:
        return
    phase = as_array(record[key])
    if phase.min() < -1 or phase.max() > LARGEST_INDEX:
        yield Problem(
            name,
            key,
            f'phases in [0, {LARGEST_INDEX}], or -1 for unknown',
            f'{phase.min()} to {phase.max()}',
        )


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
    found = list(_check_frame_values(name, 'timestamps', record, total))
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


def _check_keypoint(
    name: str, record: dict, total: int | None, joints: int, coordinates: int
) -> Iterator[Problem]:
    keypoint = as_array(record['keypoint'])
    if not coordinates and keypoint.ndim and keypoint.shape[-1] == 3:
        coordinates = 3
    shape = (
        f'(people, {total or "total_frames"}, {joints or "joints"}, '
        f'{coordinates or "2 or 3"})'
    )
    sizes = (None, total, joints, coordinates or 2)
    found = list(check_array(name, 'keypoint', keypoint, shape, sizes))
    yield from found
    if not found and not keypoint.any():
        yield Problem(name, 'keypoint', 'positions', 'all 0')
    # The shape of scores is checked only against a valid shape of joints.
    misshapen = found and found[0].expected != FINITE
    if misshapen or 'keypoint_score' not in record:
        return
    score = as_array(record['keypoint_score'])
    key, sizes = 'keypoint_score', keypoint.shape[:3]
    found = list(check_array(name, key, score, f'{sizes}', sizes, 'fiub'))
    yield from found
    if not found and not (score > 0).any():
        yield Problem(name, key, 'a joint that is seen', 'all scores 0')


def check_labels(
    name: str,
    record: dict,
    activities: list[str] | None,
    phases: dict[str, list[str]],
) -> Iterator[Problem]:
    """Yield problems of the activity label and the phase names."""
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
    """Return the index of the activity, -1 if unknown."""
    label = record.get('label')
    return -1 if label is None else int(label)
