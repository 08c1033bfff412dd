from collections import Counter
from collections.abc import Iterator
from typing import Any

from .problem import Problem, is_integer, is_list_of_names, short
from .skeletons import UP_AXES


def num_joints(skeleton: Any) -> int:
    """Return the number of joints in a description, 0 if not known."""
    if isinstance(skeleton, dict) and is_list_of_names(skeleton.get('joints')):
        return len(skeleton['joints'])
    return 0


def check_skeleton(skeleton: Any) -> Iterator[Problem]:
    """Yield problems of ``annotations['skeleton']``, which may be None."""
    if skeleton is None:
        return
    count = num_joints(skeleton)
    if not count:
        yield Problem(
            '',
            'skeleton',
            "a dict with 'joints', a list of names",
            short(skeleton),
        )
        return
    twice = [
        n for n, times in Counter(skeleton['joints']).items() if times > 1
    ]
    if twice:
        yield Problem('', 'skeleton.joints', 'every name once', short(twice))
    wanted = dict(
        bones=('pairs of joints', _are_pairs),
        flip_pairs=('pairs of joints', _are_pairs),
        root=('a joint or a list of them', _are_joints),
        torso=('two ends, each a joint or a list of them', _are_two_ends),
    )
    up_axis = skeleton.get('up_axis')
    if up_axis is not None and up_axis not in UP_AXES:
        expected = f'one of {list(UP_AXES)}'
        yield Problem('', 'skeleton.up_axis', expected, short(up_axis))
    for key, (expected, is_right) in wanted.items():
        value = skeleton.get(key)
        if value is None:
            continue
        if not is_right(value, count):
            yield Problem(
                '',
                f'skeleton.{key}',
                f'{expected} in [0, {count})',
                short(value),
            )
        elif key == 'flip_pairs':
            mirrored = Counter(joint for pair in value for joint in pair)
            twice = [joint for joint, n in mirrored.items() if n > 1]
            if twice:
                yield Problem(
                    '',
                    'skeleton.flip_pairs',
                    'every joint in one pair at most',
                    f'{short(twice)} in several',
                )


def _are_joints(value: Any, count: int) -> bool:
    joints = value if isinstance(value, (list, tuple)) else [value]
    return len(joints) > 0 and all(
        is_integer(joint) and 0 <= joint < count for joint in joints
    )


def _are_pairs(value: Any, count: int) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and _are_joints(pair, count)
        and pair[0] != pair[1]
        for pair in value
    )


def _are_two_ends(value: Any, count: int) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(_are_joints(end, count) for end in value)
    )
