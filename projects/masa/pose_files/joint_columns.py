"""What the columns of a table of joints are, by their names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import BLAZEPOSE_33, LAYOUTS
from ..datasets.transforms.body_joints import NEEDED, find_body_joints
from .named_joints import layout_of_names, standard_name

# Names of columns, see _plain.
ROLES = {
    'sequence': ('sequence', 'video', 'video_id', 'recording', 'trial'),
    'person': (
        *('person', 'person_id', 'track', 'track_id', 'individual'),
        *('instance', 'identity'),
    ),
    'frame': (
        *('frame', 'frame_id', 'frame_idx', 'frame_index', 'frame_number'),
        *('frame_no', 'fnum'),
    ),
    'seconds': (
        *('time', 'time_s', 'time_sec', 'time_seconds', 'timestamp'),
        *('timestamp_s', 'timestamps', 'seconds'),
    ),
    'milliseconds': ('time_ms', 'timestamp_ms', 'milliseconds'),
    # Of long tables.
    'joint': (
        *('landmark_name', 'landmark', 'landmark_id', 'landmark_index'),
        *('joint_name', 'joint', 'joint_id', 'keypoint_name', 'keypoint'),
        *('keypoint_id', 'bodypart', 'body_part', 'node', 'marker'),
    ),
}
_SCORES = (
    *('score', 'visibility', 'confidence', 'likelihood', 'conf', 'vis'),
    *('prob', 'probability', 'v', 'c', 'p'),
)
_PARTS = {'x': 'x', 'y': 'y', 'z': 'z'} | dict.fromkeys(_SCORES, 'score')
_PART = '|'.join(sorted(_PARTS, key=len, reverse=True))
# nose_x, nose.x, nose (x), and noseX; x_nose, and x0.
_LAST = re.compile(
    rf'(?P<joint>.*\w)[\W_]+(?P<part>{_PART})[\])]?'
    r'|(?P<joint2>.*(?-i:[a-z0-9]))(?P<part2>(?-i:[XYZ]))',
    re.IGNORECASE,
)
_FIRST = re.compile(
    rf'(?P<part>{_PART})[\W_]+(?P<joint>\w.*)'
    rf'|(?P<part2>{_PART})(?P<joint2>\d+)',
    re.IGNORECASE,
)
_NUMBERED = re.compile(r'(\D*?)[\W_]*(\d+)')
# Points that are no joints.
_NO_JOINTS = ('bbox', 'box', 'image', 'img')


class JointColumns(NamedTuple):
    """Where the joints are in a table.

    Attributes:
        names (list[str]): Names of the joints, as the file has them.
        parts (list[dict[str, int]]): Of every joint, the columns of its
            ``x``, ``y`` and, if there is one, ``z`` and ``score``.
    """

    names: list[str]
    parts: list[dict[str, int]]


def find_joint_columns(
    header: Sequence[str], where: str | Path
) -> JointColumns:
    """Find the columns of joints, such as ``nose_x`` or ``x0``.

    Args:
        header (Sequence[str]): Names of the columns.
        where (str | Path): The file, for messages.

    Returns:
        JointColumns: Of the joints with x and y, in the order of the columns.

    Raises:
        AnnotationError: If a joint has a column twice.

    Example:
        >>> find_joint_columns(['frame', 'nose_x', 'nose_y'], '').names
        ['nose']
    """
    return max(
        (_find(header, pattern, where) for pattern in (_LAST, _FIRST)),
        key=lambda found: len(found.names),
    )


def _find(
    header: Sequence[str], pattern: re.Pattern, where: str | Path
) -> JointColumns:
    joints: dict[str, dict[str, int]] = {}
    twice = []
    for column, name in enumerate(header):
        found = pattern.fullmatch(name)
        if found is None:
            continue
        groups = found.groupdict()
        joint = groups['joint'] or groups['joint2']
        part = _PARTS[(groups['part'] or groups['part2']).lower()]
        parts = joints.setdefault(joint, {})
        if parts.setdefault(part, column) != column and part != 'score':
            twice.append(name)
    joints = {
        name: parts
        for name, parts in joints.items()
        if {'x', 'y'} <= parts.keys() and name.lower() not in _NO_JOINTS
    }
    if twice:
        raise AnnotationError(
            f'{where} is expected to have every column of a joint once, but '
            f'{", ".join(twice[:3])} comes again'
        )
    return JointColumns([*joints], [*joints.values()])


def find_parts(header: Sequence[str]) -> dict[str, int]:
    """Find the columns of a long table that hold ``x``, ``y`` and the like.

    Args:
        header (Sequence[str]): Names of the columns.

    Returns:
        dict[str, int]: The columns by part: ``x``, ``y``, ``z``, ``score``.
    """
    found: dict[str, int] = {}
    for column, name in enumerate(header):
        if name.lower() in _PARTS:
            found.setdefault(_PARTS[name.lower()], column)
    return found


def find_role(
    header: Sequence[str], role: str, where: str | Path
) -> int | None:
    """Find the column that has a role, a key of ``ROLES``.

    Args:
        header (Sequence[str]): Names of the columns.
        role (str): The role.
        where (str | Path): The file, for messages.

    Returns:
        int, optional: The column, of several the one named first in
        ``ROLES``; None if there is none.

    Raises:
        AnnotationError: If two columns have the same name.
    """
    names = [_plain(name) for name in header]
    for name in ROLES[role]:
        if names.count(name) > 1:
            raise AnnotationError(
                f'{where} is expected to have one column {name!r}, but has '
                'several'
            )
        if name in names:
            return names.index(name)
    return None


def _plain(name: str) -> str:
    """Write ``Time [s]`` as ``time_s``."""
    return re.sub(r'[\W_]+', '_', name.casefold()).strip('_')


def layout_and_order(
    names: Sequence[str], layout: dict | None, where: str
) -> tuple[dict, list[int]]:
    """Find the layout of named or numbered joints.

    33 numbers are those of MediaPipe. Of a layout that the user gives, joints
    are taken by their names where the file has all, else in order, unless the
    names are those of another body.

    Args:
        names (Sequence[str]): Names or numbers of the joints.
        layout (dict, optional): The one that the user gives.
        where (str): The file, for messages.

    Returns:
        tuple[dict, list[int]]: The layout, and for each of its joints the
        position of its name.

    Raises:
        AnnotationError: If there is none, or the file has other joints.
    """
    numbers = _numbers_of(names)
    order = list(range(len(names)))
    if numbers is not None:
        order = sorted(order, key=numbers.__getitem__)
        if layout is None and len(names) == len(BLAZEPOSE_33['joints']):
            layout = BLAZEPOSE_33
        gaps = numbers[order[-1]] - numbers[order[0]] + 1 != len(names)
        if layout is None or gaps:
            raise AnnotationError(
                f'{where}: names of joints are expected, or the 33 numbers of '
                f"MediaPipe's landmarks, but there are {len(names)} numbers, "
                f'{numbers[order[0]]} to {numbers[order[-1]]}'
                + ('' if gaps else ': say by --layout which joints they are')
            )
    else:
        places = {standard_name(name): i for i, name in enumerate(names)}
        candidates = [layout] if layout is not None else LAYOUTS.values()
        for one in candidates:
            wanted = [standard_name(name) for name in one['joints']]
            if set(wanted) <= places.keys() and (
                layout is not None or len(wanted) == len(names)
            ):
                return one, [places[name] for name in wanted]
    if layout is None:
        return layout_of_names(names, where), order
    sources = find_body_joints([*map(standard_name, names)])
    if len(layout['joints']) != len(names) or all(
        sources[joint] for joint in NEEDED
    ):
        raise AnnotationError(
            f'{where}: the layout has {len(layout["joints"])} joints, '
            f'{", ".join(layout["joints"][:3])} and so on, but the file has '
            f'{len(names)}: {", ".join(names[:40])}'
        )
    return layout, order


def _numbers_of(names: Sequence[str]) -> list[int] | None:
    """Return the numbers of joints that have no names."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    # Joints such as T1 and C7 have different letters in front.
    if not all(found) or len({one[1].lower() for one in found}) > 1:
        return None
    return [int(one[2]) for one in found]
