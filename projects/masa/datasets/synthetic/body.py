"""A body of 25 joints, posed by angles.

It faces +z, y is up, +x is its left; meters and degrees.
"""

import numpy as np
from scipy.spatial.transform import Rotation

# Joint, its parent, and where it stands from it when the arms hang down.
_JOINTS = (
    ('pelvis', None, (0, 0, 0)),
    ('left_hip', 'pelvis', (0.09, -0.07, 0)),
    ('right_hip', 'pelvis', (-0.09, -0.07, 0)),
    ('spine', 'pelvis', (0, 0.15, 0)),
    ('left_knee', 'left_hip', (0, -0.42, 0)),
    ('right_knee', 'right_hip', (0, -0.42, 0)),
    ('chest', 'spine', (0, 0.2, 0)),
    ('left_ankle', 'left_knee', (0, -0.41, 0)),
    ('right_ankle', 'right_knee', (0, -0.41, 0)),
    ('left_toe', 'left_ankle', (0, -0.06, 0.15)),
    ('right_toe', 'right_ankle', (0, -0.06, 0.15)),
    ('left_heel', 'left_ankle', (0, -0.06, -0.05)),
    ('right_heel', 'right_ankle', (0, -0.06, -0.05)),
    ('neck', 'chest', (0, 0.15, 0)),
    ('head', 'neck', (0, 0.2, 0)),
    ('left_collar', 'chest', (0.06, 0.1, 0)),
    ('right_collar', 'chest', (-0.06, 0.1, 0)),
    ('left_shoulder', 'left_collar', (0.12, 0.02, 0)),
    ('right_shoulder', 'right_collar', (-0.12, 0.02, 0)),
    ('left_elbow', 'left_shoulder', (0, -0.28, 0)),
    ('right_elbow', 'right_shoulder', (0, -0.28, 0)),
    ('left_wrist', 'left_elbow', (0, -0.25, 0)),
    ('right_wrist', 'right_elbow', (0, -0.25, 0)),
    ('left_hand', 'left_wrist', (0, -0.08, 0)),
    ('right_hand', 'right_wrist', (0, -0.08, 0)),
)
JOINTS = [name for name, _, _ in _JOINTS]
_INDEX = {name: i for i, name in enumerate(JOINTS)}
PARENTS = [-1 if p is None else _INDEX[p] for _, p, _ in _JOINTS]
OFFSETS = np.array([offset for _, _, offset in _JOINTS], dtype=np.float64)
MIRROR = np.array(
    [
        _INDEX[
            name.replace('left_', 'right_')
            if name.startswith('left_')
            else name.replace('right_', 'left_')
        ]
        for name in JOINTS
    ]
)
# As annotation files describe a skeleton.
SKELETON = dict(
    joints=JOINTS,
    bones=[[parent, i] for i, parent in enumerate(PARENTS) if parent >= 0],
    flip_pairs=[
        [i, int(MIRROR[i])]
        for i, name in enumerate(JOINTS)
        if name.startswith('left_')
    ],
    root=_INDEX['pelvis'],
    torso=[_INDEX['neck'], _INDEX['pelvis']],
    up_axis='y',
)

# The angles that pose the body, in degrees, and `lift`, the height of a jump
# in meters. Forward bends, raised limbs and turns to the left are positive.
ANGLES = (
    'lean', 'bend', 'twist', 'side', 'nod',
    'left_hip', 'right_hip', 'left_hip_out', 'right_hip_out',
    'left_knee', 'right_knee',
    'left_arm', 'right_arm', 'left_arm_out', 'right_arm_out',
    'left_elbow', 'right_elbow', 'lift',
)  # fmt: skip


def pose_body(angles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Compute the joints of every frame by forward kinematics.

    The lower foot stands on the ground, or ``lift`` above it; the feet stay
    level; the pelvis stays above the origin.

    Args:
        angles (np.ndarray): ``(T, 18)``, in the order of ``ANGLES``.
        offsets (np.ndarray): Of the joints from their parents, ``(25, 3)``,
            meters.

    Returns:
        np.ndarray: ``(T, 25, 3)`` float64, meters.
    """
    angle = dict(zip(ANGLES, angles.T, strict=True))
    turns = _joint_turns(angle)
    frames = len(angles)
    points = np.zeros((frames, len(JOINTS), 3))
    world: list[Rotation] = []
    identity = Rotation.identity(frames)
    for i, (name, parent) in enumerate(zip(JOINTS, PARENTS, strict=True)):
        if parent < 0:
            world.append(turns[name])
            continue
        points[:, i] = points[:, parent] + world[parent].apply(offsets[i])
        if name.endswith('ankle'):
            world.append(identity)
        elif name in turns:
            world.append(world[parent] * turns[name])
        else:
            world.append(world[parent])
    lowest = points[..., 1].min(1) - angle['lift']
    points[..., 1] -= lowest[:, None]
    return points


def _joint_turns(angle: dict[str, np.ndarray]) -> dict[str, Rotation]:
    def turn(axes: str, *degrees: np.ndarray) -> Rotation:
        return Rotation.from_euler(axes, np.stack(degrees, -1), degrees=True)

    trunk = turn(
        'YXZ', angle['twist'] / 2, angle['bend'] / 2, angle['side'] / 2
    )
    turns = {
        'pelvis': turn('X', angle['lean']),
        'spine': trunk,
        'chest': trunk,
        'neck': turn('X', angle['nod']),
    }
    for side, outward in (('left', 1), ('right', -1)):
        for joint, angle_name in (('hip', 'hip'), ('shoulder', 'arm')):
            turns[f'{side}_{joint}'] = turn(
                'ZX',
                outward * angle[f'{side}_{angle_name}_out'],
                -angle[f'{side}_{angle_name}'],
            )
        turns[f'{side}_knee'] = turn('X', angle[f'{side}_knee'])
        turns[f'{side}_elbow'] = turn('X', -angle[f'{side}_elbow'])
    return turns
