"""Check annotations and list all problems."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .feature_checks import check_feature_file
from .packed_poses import is_packed, record_id
from .problem import (
    Problem,
    as_array,
    is_integer,
    is_list_of_names,
    short,
)
from .record_checks import check_labels, check_record
from .skeleton_checks import check_skeleton, num_joints
from .split_checks import check_split


def check_annotations(
    annotations: dict, feature_prefix: str | None = None
) -> list[Problem]:
    """Find all problems of annotations.

    Args:
        annotations (dict): Annotations in the format of docs/data.md.
        feature_prefix (str, optional): Folder that ``feature_path`` is
            relative to. Feature files are checked only if it is given.

    Returns:
        list[Problem]: All problems; empty if there are none.
    """
    skeleton = annotations.get('skeleton')
    problems = list(check_skeleton(skeleton))
    activities = annotations.get('activities')
    if activities is not None and (
        not is_list_of_names(activities)
        or len(set(activities)) < len(activities)
    ):
        expected = 'a list of names, every one once'
        problems.append(Problem('', 'activities', expected, short(activities)))
        activities = None
    phases = annotations.get('phases')
    records = annotations.get('annotations')
    problems += _check_phase_names(phases, activities, records)
    phases = phases if isinstance(phases, dict) else {}
    phases = {
        a: names for a, names in phases.items() if is_list_of_names(names)
    }
    if not isinstance(records, (list, tuple)) or not records:
        problems.append(
            Problem('', 'annotations', 'a list of records', short(records))
        )
        return problems
    names = [record_name(record, i) for i, record in enumerate(records)]
    joints, coordinates = _usual_shape(records, num_joints(skeleton))
    channels = 0
    for name, record in zip(names, records, strict=True):
        if not isinstance(record, dict):
            problems.append(Problem(name, 'record', 'a dict', short(record)))
            continue
        if not record_id(record):
            problems.append(
                Problem(
                    name,
                    'frame_dir',
                    'an id, which is a text',
                    short(record.get('frame_dir', record.get('filename'))),
                )
            )
        problems += check_record(name, record, joints, coordinates)
        problems += check_labels(name, record, activities, phases)
        if feature_prefix is not None and isinstance(
            record.get('feature_path'), str
        ):
            found, width = check_feature_file(
                name, record, feature_prefix, channels
            )
            problems += found
            channels = channels or width
    problems += [
        Problem(name, 'frame_dir', 'an id that no other record has', f'{n} of')
        for name, n in Counter(names).items()
        if n > 1
    ]
    problems += check_split(annotations.get('split'), names)
    return problems


def record_name(record: Any, number: int) -> str:
    """Return the id of a record, or ``number N`` for its index N."""
    return record_id(record) or f'number {number}'


def _check_phase_names(
    phases: Any, activities: list[str] | None, records: Any
) -> Iterator[Problem]:
    if phases is None:
        return
    if not isinstance(phases, dict):
        yield Problem(
            '', 'phases', 'a dict of names by activity', short(phases)
        )
        return
    for activity, names in phases.items():
        field = f'phases {short(activity)}'
        if not is_list_of_names(names):
            yield Problem('', field, 'a list of names', short(names))
        if activities is not None and activity not in activities:
            yield Problem('', field, 'one of the activities', short(activity))
    for activity in _activities_with_phases(activities, records):
        if activity not in phases:
            field = f'phases {short(activity)}'
            yield Problem(
                '', field, 'names, for its sequences have phases', 'none'
            )


def _activities_with_phases(
    activities: list[str] | None, records: Any
) -> list[str]:
    labels = {
        int(record['label'])
        for record in (records if isinstance(records, (list, tuple)) else ())
        if isinstance(record, dict)
        and 'phase' in record
        and is_integer(record.get('label'))
    }
    return [
        name for label, name in enumerate(activities or ()) if label in labels
    ]


def _usual_shape(records: list | tuple, joints: int) -> tuple[int, int]:
    """Find the most frequent numbers of joints and coordinates.

    Records that differ cannot be batched with the others.
    """
    shapes = Counter()
    for record in records:
        if not isinstance(record, dict) or 'keypoint' not in record:
            continue
        keypoint = as_array(record['keypoint'])
        if is_packed(record) and keypoint.ndim == 3:
            shape = (keypoint.shape[1], 2)
        else:
            shape = keypoint.shape[2:]
        if len(shape) == 2 and shape[1] in (2, 3) and joints in (0, shape[0]):
            shapes[shape] += 1
    if not shapes:
        return joints, 0
    return shapes.most_common(1)[0][0]
