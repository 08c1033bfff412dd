"""Layouts of joints that a file names."""

import re
from collections.abc import Sequence
from itertools import pairwise

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import LAYOUTS, PENN_ACTION
from ..datasets.transforms.body_joints import find_body_joints

_SIDES = {'l': 'left', 'left': 'left', 'r': 'right', 'right': 'right'}
# What others call the joints of a body.
_SYNONYMS = {
    'mid_hip': 'pelvis',
    'midhip': 'pelvis',
    'hip_center': 'pelvis',
    'hips': 'pelvis',
    'root': 'pelvis',
    'bigtoe': 'big_toe',
    'smalltoe': 'small_toe',
    'toe_big': 'big_toe',
    'toe_small': 'small_toe',
    'foot_index': 'toe',
    # Joint centers.
    **{
        f'{part}_jc': part
        for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    },
}
# With a side in front, as in lknee and RKNEE.
_SIDED = re.compile(
    '([lr])(shoulder|elbow|wrist|hand|hip|knee|ankle|foot|heel|toe)'
)
# Such as the markers LASI and RASI of Vicon's Plug-in Gait.
_CODE = re.compile(r'[LR][A-Z0-9]{2}\w*')
# Joints in a row, of one side where they have one.
_CHAINS = (
    'pelvis spine chest neck head',
    'neck nose',
    'nose eye ear',
    'neck shoulder elbow wrist hand',
    'pelvis hip knee ankle foot',
    'shoulder hip',
    'ankle heel',
    'ankle big_toe',
    'ankle small_toe',
    'ankle toe',
)
# Pairs that are joined across the body.
_ACROSS = ('shoulder', 'hip')


def standard_name(name: str) -> str:
    """Write a joint's name as the layouts of masa do.

    Args:
        name (str): Such as ``LShoulder``, ``shoulder.L``, ``Left Shoulder`` or
            ``left_shoulder``.

    Returns:
        str: Lower case with underscores, the side in front:
        ``left_shoulder``.

    Example:
        >>> standard_name('RKnee'), standard_name('ankle.L')
        ('right_knee', 'left_ankle')
        >>> standard_name('RKNEE'), standard_name('LeftUpLeg')
        ('right_knee', 'left_up_leg')
    """
    spaced = re.sub(
        r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', ' ', name
    )
    words = [word for word in re.split(r'[\W_]+', spaced.lower()) if word]
    if len(words) == 1 and (sided := _SIDED.fullmatch(words[0])):
        words = [*sided.groups()]
    sides = [word for word in words if word in _SIDES]
    if len(sides) != 1 or len(words) == 1:
        part = '_'.join(words)
        return _SYNONYMS.get(part, part)
    part = '_'.join(word for word in words if word not in _SIDES)
    return f'{_SIDES[sides[0]]}_{_SYNONYMS.get(part, part)}'


def layout_of_names(
    names: Sequence[str],
    where: str,
    up_axis: str | None = None,
    bones: Sequence[Sequence[int]] | None = None,
) -> dict:
    """Return the layout of joints that have names.

    A layout of ``masa.datasets.skeletons`` with these names in this order is
    returned as it is. Of other bodies, the bones, sides, root and torso follow
    from the names; what no body has stays without. Markers that are called
    like ``LASI`` and ``RASI`` keep their names.

    Args:
        names (Sequence[str]): Names of the joints, see :func:`standard_name`.
        where (str): File and place, for messages.
        up_axis (str, optional): Which way is up in 3D, where it is known.
        bones (Sequence[Sequence[int]], optional): Pairs of joints. Defaults
            to what follows from the names.

    Returns:
        dict: The layout.

    Raises:
        AnnotationError: If two joints have one name.
    """
    for layout in LAYOUTS.values():
        if list(names) == layout['joints'] or [*map(standard_name, names)] == [
            *map(standard_name, layout['joints'])
        ]:
            return layout if up_axis is None else layout | {'up_axis': up_axis}
    codes = {
        name
        for name in names
        if _CODE.fullmatch(name)
        and _other_code(name) in names
        and not standard_name(name).startswith(('left_', 'right_'))
    }
    joints = [
        name if name in codes or (codes and name.isupper()) else joint
        for name, joint in zip(names, map(standard_name, names), strict=True)
    ]
    twice = sorted({one for one in joints if joints.count(one) > 1})
    if twice:
        raise AnnotationError(
            f'{where} is expected to name every joint once, but names '
            f'{", ".join(twice)} more than once: its joints are '
            f'{", ".join(names)}'
        )
    index = {name: i for i, name in enumerate(joints)}
    body = find_body_joints(joints)
    layout = dict(
        joints=joints,
        bones=_bones(index, body) if bones is None else [*map(list, bones)],
        flip_pairs=[
            [index[left], index[right]]
            for left, right in ((name, _mirrored(name)) for name in joints)
            if right in index
        ],
    )
    hips = _both('hip', body) or [
        index[name] for name in ('pelvis',) if name in index
    ]
    shoulders = _both('shoulder', body) or [
        index[name] for name in ('neck',) if name in index
    ]
    if hips:
        layout['root'] = hips
    if hips and shoulders:
        layout['torso'] = [shoulders, hips]
    if up_axis is not None:
        layout['up_axis'] = up_axis
    return layout


def _other_code(name: str) -> str:
    return {'L': 'R', 'R': 'L'}[name[0]] + name[1:]


def _mirrored(name: str) -> str | None:
    """Return the right joint of a left one."""
    if name.startswith('left_'):
        return f'right_{name.removeprefix("left_")}'
    if name[0] == 'L' and _CODE.fullmatch(name):
        return _other_code(name)
    return None


def _both(part: str, body: dict[str, list[int]]) -> list[int]:
    """Return the joints on both sides that a part is at, if all are there."""
    pair = [body[f'{side}_{part}'] for side in ('left', 'right')]
    return [
        joint
        for side in pair
        for joint in dict.fromkeys(side)
        # Markers of less weight only shift a hip towards the knee.
        if all(pair) and side.count(joint) == side.count(side[0])
    ]


def _bones(
    index: dict[str, int], body: dict[str, list[int]]
) -> list[list[int]]:
    """Join the joints that follow each other in a chain, of those there.

    Markers are joined where they stand for the joints of a body.
    """
    bones = []
    for chain in _CHAINS:
        for side in ('left_', 'right_'):
            found = [
                index.get(side + part, index.get(part))
                for part in chain.split()
            ]
            found = [joint for joint in found if joint is not None]
            bones += [[a, b] for a, b in pairwise(found)]
    for part in _ACROSS:
        pair = [index.get(f'{side}_{part}') for side in ('left', 'right')]
        bones += [pair] * (None not in pair)
    if not bones:
        names = PENN_ACTION['joints']
        ends = [
            [body[names[i]] for i in bone] for bone in PENN_ACTION['bones']
        ]
        bones = [[a[0], b[0]] for a, b in ends if a and b]
    unique = dict.fromkeys(map(tuple, bones))
    return [list(bone) for bone in unique]
