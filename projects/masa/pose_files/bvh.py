"""Motion capture as Biovision's BVH: a hierarchy of joints and its rotations.

The format is described at
https://research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/BVH.html, which
has y up. Rotations are applied in the order of the channels, each about the
axes that the ones before have turned; the position of a joint takes the place
of its offset.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy

from ..datasets.errors import AnnotationError
from ..datasets.kinematics import forward_kinematics
from ..datasets.text_files import read_text
from .bone_names import joints_of_bones
from .named_joints import layout_of_names
from .pose_file import PoseFile
from .sequence import RecordedPeople

# Some files have several of these in a line.
_PARTS = re.compile(
    r'([{}])|(?=\b(?:ROOT|OFFSET|CHANNELS|JOINT|End\s+Site)\b)', re.IGNORECASE
)
_CHANNEL = re.compile(r'([xyz])(position|rotation)', re.IGNORECASE)


@dataclass
class _Joint:
    """A joint of the hierarchy; an End Site has no name.

    Attributes:
        name (str): Its name in the file.
        parent (int): The index of its parent, -1 for a root.
        offset (list[float]): Where it is from its parent.
        channels (list[tuple[str, str]]): Axis and kind of each.
    """

    name: str
    parent: int
    offset: list[float] | None = None
    channels: list[tuple[str, str]] = field(default_factory=list)


def is_bvh(file: PoseFile) -> bool:
    """Tell whether a file is a BVH file."""
    return file.head.removeprefix(b'\xef\xbb\xbf').lstrip()[:9].upper() == (
        b'HIERARCHY'
    )


def read_bvh(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read the motion of a BVH file, in its units.

    Bones are renamed as joints (:func:`~.bone_names.joints_of_bones`); ends of
    bones are called ``..._end``. Every root is a person. Up is y, or z if the
    body stands along it both at rest and in motion.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Of its joints, the ends of bones included.

    Returns:
        list[RecordedPeople]: The one sequence.

    Raises:
        AnnotationError: If the file is damaged, or its roots differ. The line
            is named.
        OSError: If it cannot be opened.
    """
    (file,) = files
    lines = enumerate(read_text(file.path).splitlines(), 1)
    joints = _read_hierarchy(lines, file.path)
    values, frame_rate = _read_motion(lines, joints, file.path)
    parents = [joint.parent for joint in joints]
    offsets = np.array([joint.offset for joint in joints])
    turns, bones = _apply_channels(joints, offsets, values)
    keypoint = forward_kinematics(turns, bones, parents)
    rest = forward_kinematics(
        np.broadcast_to(np.eye(3), (1, len(joints), 3, 3)), offsets, parents
    )
    starts = [i for i, parent in enumerate(parents) if parent < 0]
    bodies = [
        slice(a, b)
        for a, b in zip(starts, [*starts[1:], len(joints)], strict=True)
    ]
    names = [_names(joints[body], body.start) for body in bodies]
    if any(other != names[0] for other in names):
        raise AnnotationError(
            f'{file.path}: its {len(bodies)} roots are expected to have the '
            'same joints: keep one of them, or write them to several files'
        )
    if layout is None:
        own = bodies[0]
        pairs = [[p, i] for i, p in enumerate(parents[own]) if p >= 0]
        layout = layout_of_names(names[0], str(file.path), 'y', pairs)
        if _stands_along_z(layout, rest[:, own], keypoint[:, own]):
            layout = layout | dict(up_axis='z')
    elif len(layout['joints']) != len(names[0]):
        raise AnnotationError(
            f'{file.path}: the layout has {len(layout["joints"])} joints, but '
            f'there are {len(names[0])}: {", ".join(names[0])}'
        )
    return [
        RecordedPeople(
            skeleton=layout,
            keypoint=np.stack([keypoint[:, body] for body in bodies]),
            frame_rate=frame_rate,
        )
    ]


def _read_hierarchy(
    lines: Iterator[tuple[int, str]], path: Path
) -> list[_Joint]:
    """Read the joints, up to the line MOTION."""
    joints: list[_Joint] = []
    # The joints that the line is inside of; the last one may not be open yet.
    inside: list[int] = []
    is_open = True
    for number, line in lines:
        for part in _PARTS.split(line):
            words = (part or '').split()
            if not words:
                continue
            where = f'{path}, line {number}'
            keyword = words[0].upper()
            if keyword == 'MOTION' and joints and not inside:
                _check_joints(joints, path)
                return joints
            if keyword == 'HIERARCHY' and not joints:
                continue
            if keyword in ('ROOT', 'JOINT', 'END') and is_open:
                parent = inside[-1] if inside else -1
                if (keyword == 'ROOT') != (parent < 0):
                    raise AnnotationError(
                        f'{where}: ROOT is expected outside of other joints, '
                        f'JOINT and End Site inside, but there is {part!r}'
                    )
                name = '' if keyword == 'END' else part.strip()[5:].strip()
                inside.append(len(joints))
                joints.append(_Joint(name, parent))
                is_open = False
            elif keyword == '{' and not is_open:
                is_open = True
            elif keyword == '}' and is_open and inside:
                inside.pop()
            elif keyword == 'OFFSET' and is_open and inside:
                joints[inside[-1]].offset = _numbers(words[1:], 3, where)
            elif keyword == 'CHANNELS' and is_open and inside:
                joints[inside[-1]].channels = _channels(words, where)
            else:
                raise AnnotationError(
                    f'{where}: {part.strip()[:40]!r} is not expected here in '
                    'a BVH file'
                )
    raise AnnotationError(
        f'{path} ends in its hierarchy: the line MOTION and the frames are '
        'expected after it'
    )


def _check_joints(joints: list[_Joint], path: Path) -> None:
    for joint in joints:
        if joint.offset is None:
            raise AnnotationError(
                f'{path}: the joint {joint.name!r} is expected to have an '
                'OFFSET'
            )


def _channels(words: list[str], where: str) -> list[tuple[str, str]]:
    found = [_CHANNEL.fullmatch(word) for word in words[2:]]
    if words[1:2] != [str(len(found))] or None in found:
        raise AnnotationError(
            f'{where}: CHANNELS is expected to be followed by a number and as '
            f'many channels such as Xposition or Zrotation: {" ".join(words)}'
        )
    channels = [(one[1].upper(), one[2].lower()) for one in found]
    if len(set(channels)) < len(channels):
        raise AnnotationError(
            f'{where}: every channel is expected once: {" ".join(words)}'
        )
    return channels


def _numbers(words: list[str], count: int, where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count:
        raise AnnotationError(
            f'{where}: {count} numbers are expected, but there is '
            f'{" ".join(words)[:40]!r}'
        )
    return values


def _read_motion(
    lines: Iterator[tuple[int, str]], joints: list[_Joint], path: Path
) -> tuple[np.ndarray, float]:
    """Return the values of all channels, (T, N), and the frame rate."""
    header = {}
    for key in ('frames', 'frame time'):
        number, line = next(lines, (0, ''))
        name, _, value = line.partition(':')
        if ' '.join(name.lower().split()) != key:
            raise AnnotationError(
                f'{path}, line {number}: "{key.title()}:" is expected after '
                f'MOTION, but there is {line.strip()[:40]!r}'
            )
        (header[key],) = _numbers(value.split(), 1, f'{path}, line {number}')
    if not 0 < header['frame time'] < np.inf:
        raise AnnotationError(
            f'{path}, line {number}: the frame time is expected to be above '
            f'0 seconds and finite, but is {header["frame time"]:g}'
        )
    width = sum(len(joint.channels) for joint in joints)
    rows = [
        _numbers(line.split(), width, f'{path}, line {number}')
        for number, line in lines
        if line.strip()
    ]
    if not rows or len(rows) != header['frames']:
        raise AnnotationError(
            f'{path} says that it has {header["frames"]:g} frames, but has '
            f'{len(rows)}: it is cut off or damaged'
        )
    # Files have a few digits: 0.0333333 s are 30 frames a second.
    return np.array(rows), float(f'{1 / header["frame time"]:.5g}')


def _apply_channels(
    joints: list[_Joint], offsets: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the turns, (T, J, 3, 3), and the bones, (T, J, 3), of joints."""
    frames = len(values)
    turns = np.broadcast_to(np.eye(3), (frames, len(joints), 3, 3)).copy()
    bones = np.repeat(offsets[None], frames, axis=0)
    column = 0
    for i, joint in enumerate(joints):
        rotations = []
        for axis, kind in joint.channels:
            if kind == 'position':
                bones[:, i, 'XYZ'.index(axis)] = values[:, column]
            else:
                rotations.append((axis, values[:, column]))
            column += 1
        if rotations:
            axes, angles = zip(*rotations, strict=True)
            turns[:, i] = scipy.spatial.transform.Rotation.from_euler(
                ''.join(axes), np.stack(angles, -1), degrees=True
            ).as_matrix()
    return turns, bones


def _names(joints: list[_Joint], start: int) -> list[str]:
    """Name the joints of a body, whose first has the index ``start``."""
    named = [i for i, joint in enumerate(joints) if joint.name]
    found = joints_of_bones([joints[i].name for i in named])
    names = dict(zip(named, found, strict=True))
    return [
        names[i] if i in names else f'{names[joint.parent - start]}_end'
        for i, joint in enumerate(joints)
    ]


def _stands_along_z(
    layout: dict, rest: np.ndarray, keypoint: np.ndarray
) -> bool:
    """Tell whether torsos, of (T, V, 3), point up z rather than along x, y."""
    if 'torso' not in layout:
        return False
    upper, lower = (np.atleast_1d(end) for end in layout['torso'])
    torsos = [
        np.nanmedian(one[:, upper].mean(1) - one[:, lower].mean(1), axis=0)
        for one in (rest, keypoint)
    ]
    return all(z > max(abs(x), abs(y)) for x, y, z in torsos)
