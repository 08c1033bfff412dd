"""Joints by the names that animation programs give to bones.

A rig names a joint after the bone that it turns: ``LeftArm`` is the shoulder,
``LeftShoulder`` the collar. Others name the joints themselves.
"""

import re
from collections.abc import Sequence

from .named_joints import standard_name

# Of Mixamo, Motion Builder, 3ds Max's Biped and Blender's Rigify.
_PREFIX = re.compile(r'(?:.*:|(?:mixamorig\d*|bip\d+|def)[\s_.-]+)(?=.)', re.I)
# The joint that a bone begins with, by its name without underscores.
_ARMS = dict.fromkeys(('arm', 'uparm', 'upperarm', 'shldr'), 'shoulder')
_BONES = {
    **dict.fromkeys(('upleg', 'upperleg', 'thigh'), 'hip'),
    **dict.fromkeys(('leg', 'lowleg', 'lowerleg', 'shin', 'calf'), 'knee'),
    'foot': 'ankle',
    **dict.fromkeys(('toe', 'toebase', 'toe0', 'ball'), 'toes'),
    'clavicle': 'collar',
    **_ARMS,
    **dict.fromkeys(('forearm', 'lowarm', 'lowerarm'), 'elbow'),
    'hand': 'wrist',
}
# The CMU motion capture database's names for those of ``CMU_38``.
_CMU = {
    'spine1': 'upper_spine',
    'neck1': 'upper_neck',
    'finger_base': 'fingers',
    'hand_index1': 'index',
}


def joints_of_bones(names: Sequence[str]) -> list[str]:
    """Name the joints of a rig after the joints of a body.

    Args:
        names (Sequence[str]): Names of Mixamo, Motion Builder, the CMU motion
            capture database, Xsens, Rokoko, Biped, Rigify, Unreal, Unity or
            alike, with or without a prefix such as ``mixamorig:``.

    Returns:
        list[str]: Names as in ``masa.datasets.skeletons``; those of joints
        that are not known, in the same style.

    Example:
        >>> joints_of_bones(['Hips', 'LeftShoulder', 'LeftArm', 'LeftHand'])
        ['pelvis', 'left_collar', 'left_shoulder', 'left_wrist']
        >>> joints_of_bones(['Bip01 L Thigh', 'mixamorig:LeftShoulder'])
        ['left_hip', 'left_shoulder']
    """
    bare = [_PREFIX.sub('', name, count=1) for name in names]
    joints = [standard_name(name) for name in bare]
    # Some rigs have a joint on the floor besides.
    if joints.count('pelvis') > 1:
        joints = [
            'origin' if name.lower() == 'root' else joint
            for name, joint in zip(bare, joints, strict=True)
        ]
    sides = [_split_side(joint) for joint in joints]
    has_arm = {side for side, part in sides if _plain(part) in _ARMS}
    of_cmu = 'lower_back' in joints
    renamed = []
    for joint, (side, part) in zip(joints, sides, strict=True):
        new = _BONES.get(_plain(part), part) if side else part
        if part == 'shoulder' and side in has_arm:
            new = 'collar'
        if of_cmu:
            new = _CMU.get(new, new)
        new = side + new
        # The joint has a name of its own, unless that is a bone's, too.
        taken = new in joints and not (
            new.endswith('shoulder') and side in has_arm
        )
        renamed.append(joint if taken else new)
    return renamed


def _split_side(joint: str) -> tuple[str, str]:
    for side in ('left_', 'right_'):
        if joint.startswith(side):
            return side, joint.removeprefix(side)
    return '', joint


def _plain(part: str) -> str:
    return part.replace('_', '')
