"""A body of 13 joints, posed by angles, that can hold on to fixed points.

It stands at the origin of the pelvis and faces +z; +x is its left and +y is
up. Lengths are in meters, angles in degrees. The joints are in Penn Action's
order, :data:`masa.datasets.skeletons.PENN_ACTION`.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from ..skeletons import PENN_ACTION

SIDES = ('left', 'right')
JOINTS = {name: i for i, name in enumerate(PENN_ACTION['joints'])}
# Raised limbs, bent joints, and turns to the left or inward are positive.
PARTS = dict(
    pelvis=('x', 'y', 'z'),
    root=('pitch', 'yaw', 'roll'),
    trunk=('bend', 'side', 'twist', 'nod', 'tilt'),
    left_arm=('raise', 'out', 'turn', 'elbow'),
    right_arm=('raise', 'out', 'turn', 'elbow'),
    left_leg=('raise', 'out', 'turn', 'knee'),
    right_leg=('raise', 'out', 'turn', 'knee'),
)
ANGLES = tuple(
    f'{part}.{angle}' for part, angles in PARTS.items() for angle in angles
)
INDEX = {name: i for i, name in enumerate(ANGLES)}
# The columns of every part.
COLUMNS = {
    part: np.array([INDEX[f'{part}.{angle}'] for angle in angles])
    for part, angles in PARTS.items()
}
# The axis that every angle turns about.
_AXES = dict(
    x=('pitch', 'bend', 'nod', 'raise', 'elbow', 'knee'),
    y=('yaw', 'twist', 'turn'),
    z=('roll', 'side', 'tilt', 'out'),
)
_ARM = dict(raise_=(-60, 185), out=(-20, 170), turn=(-80, 80), elbow=(0, 150))
_LEG = dict(raise_=(-30, 125), out=(-15, 60), turn=(-40, 40), knee=(0, 145))
_LIMITS = (
    *((-0.6, 0.6), (-0.6, 0.6), (-0.6, 0.6)),
    *((-180, 180), (-360, 360), (-180, 180)),
    *((-25, 60), (-30, 30), (-45, 45), (-40, 50), (-30, 30)),
    *_ARM.values(),
    *_ARM.values(),
    *_LEG.values(),
    *_LEG.values(),
)
# The range of every angle, (27, 2).
LIMITS = np.array(_LIMITS, dtype=np.float64)

BONES = dict(
    hip_width=0.10,
    spine=0.50,
    shoulder_width=0.17,
    head=0.22,
    upper_arm=0.28,
    forearm=0.25,
    thigh=0.42,
    shank=0.41,
)
LIMBS = {
    'left_arm': ('left_shoulder', 'left_elbow', 'left_wrist'),
    'right_arm': ('right_shoulder', 'right_elbow', 'right_wrist'),
    'left_leg': ('left_hip', 'left_knee', 'left_ankle'),
    'right_leg': ('right_hip', 'right_knee', 'right_ankle'),
}


def pose(**angles: float) -> np.ndarray:
    """Make a pose of the angles that are not 0.

    Args:
        **angles (float): By name with an underscore, such as
            ``trunk_bend=30``; ``arm_`` and ``leg_`` are for both sides.

    Returns:
        np.ndarray: (27,), in the order of ``ANGLES``.
    """
    result = np.zeros(len(ANGLES))
    for name, value in angles.items():
        part, _, angle = name.rpartition('_')
        sides = ('left_', 'right_') if part in ('arm', 'leg') else ('',)
        for side in sides:
            result[INDEX[f'{side}{part}.{angle}']] = value
    return result


def place_joints(angles: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Compute the joints of every frame by forward kinematics.

    Args:
        angles (np.ndarray): (T, 27), in the order of ``ANGLES``.
        bones (np.ndarray): Lengths, (8,), in the order of ``BONES``.

    Returns:
        np.ndarray: (T, 13, 3).
    """
    hip_width, spine, shoulder_width, head, *limbs = bones
    upper_arm, forearm, thigh, shank = limbs
    turn = _rotations(angles)
    root = turn['root.yaw'] @ turn['root.roll'] @ turn['root.pitch']
    half = turn['trunk.twist'] @ turn['trunk.bend'] @ turn['trunk.side']
    waist = root @ half
    chest = waist @ half
    points = np.empty((len(angles), len(JOINTS), 3))
    pelvis = angles[:, COLUMNS['pelvis']]
    # The spine curves from the pelvis to the chest.
    neck = pelvis + spine * (
        0.15 * root[..., 1] + 0.35 * waist[..., 1] + 0.5 * chest[..., 1]
    )
    skull = chest @ turn['trunk.nod'] @ turn['trunk.tilt']
    points[:, JOINTS['head']] = neck + head * skull[..., 1]
    for side, sign in zip(SIDES, (1, -1), strict=True):
        arm, leg = f'{side}_arm', f'{side}_leg'
        # The shoulder blade lifts the shoulder of a raised arm.
        height = angles[:, INDEX[f'{arm}.out']] + 0.6 * angles[
            :, INDEX[f'{arm}.raise']
        ].clip(0)
        lift = 0.08 * (height / 180).clip(0, 1)
        shoulder = neck + sign * shoulder_width * chest[..., 0]
        shoulder += lift[:, None] * chest[..., 1]
        upper = chest @ turn[f'{arm}.out'] @ turn[f'{arm}.raise']
        upper = upper @ turn[f'{arm}.turn']
        lower = upper @ turn[f'{arm}.elbow']
        hip = pelvis + sign * hip_width * root[..., 0]
        femur = root @ turn[f'{leg}.out'] @ turn[f'{leg}.raise']
        femur = femur @ turn[f'{leg}.turn']
        tibia = femur @ turn[f'{leg}.knee']
        elbow = shoulder - upper_arm * upper[..., 1]
        knee = hip - thigh * femur[..., 1]
        for name, point in (
            ('shoulder', shoulder),
            ('elbow', elbow),
            ('wrist', elbow - forearm * lower[..., 1]),
            ('hip', hip),
            ('knee', knee),
            ('ankle', knee - shank * tibia[..., 1]),
        ):
            points[:, JOINTS[f'{side}_{name}']] = point
    return points


def _factor(name: str) -> float:
    """Return what an angle is multiplied by to turn about its axis."""
    part, angle = name.split('.')
    if angle in ('twist', 'bend', 'side'):
        # Half at the waist, half at the chest.
        return 0.5
    if angle in ('raise', 'elbow'):
        return -1.0
    mirrored = dict(out=1.0, turn=-1.0).get(angle)
    if mirrored is None:
        return 1.0
    return mirrored if part.startswith('left') else -mirrored


# By axis: the angles that turn about it, by name and factor.
_TURNS = {
    axis: {
        name: _factor(name) for name in ANGLES if name.split('.')[1] in kinds
    }
    for axis, kinds in _AXES.items()
}


def _rotations(angles: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the rotation of every angle, (T, 3, 3), by its name."""
    rotations = {}
    for axis, factors in _TURNS.items():
        degrees = angles.T[[INDEX[name] for name in factors]]
        degrees = degrees * np.array([*factors.values()])[:, None]
        # All at once: a call of SciPy costs more than the rotations.
        matrices = Rotation.from_euler(
            axis, degrees.reshape(-1, 1), degrees=True
        )
        matrices = matrices.as_matrix().reshape(*degrees.shape, 3, 3)
        rotations.update(zip(factors, matrices, strict=True))
    return rotations


def hold_limb(points: np.ndarray, limb: str, target: np.ndarray) -> None:
    """Move a hand or foot to a fixed point, as far as the limb reaches.

    The elbow or knee stays on the side on which it was (inverse kinematics
    of two bones).

    Args:
        points (np.ndarray): Joints, (T, 13, 3); changed in place.
        limb (str): One of ``LIMBS``.
        target (np.ndarray): Where the hand or foot is, (3,) or (T, 3).
    """
    first, middle, last = (JOINTS[name] for name in LIMBS[limb])
    origin = points[:, first]
    bend = points[:, middle] - origin
    upper = np.linalg.norm(bend, axis=-1)
    lower = np.linalg.norm(points[:, last] - points[:, middle], axis=-1)
    reach = target - origin
    distance = np.linalg.norm(reach, axis=-1)
    direction = reach / np.maximum(distance, 1e-6)[:, None]
    # Neither stretched nor folded entirely.
    distance = distance.clip(
        np.abs(upper - lower) + 0.02, upper + lower - 1e-3
    )
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    away = np.sqrt((upper**2 - along**2).clip(0))
    bend -= np.einsum('ti,ti->t', bend, direction)[:, None] * direction
    bend /= np.maximum(np.linalg.norm(bend, axis=-1), 1e-6)[:, None]
    points[:, middle] = (
        origin + along[:, None] * direction + away[:, None] * bend
    )
    points[:, last] = origin + distance[:, None] * direction


def hold_object(points: np.ndarray, length: float) -> None:
    """Move both hands to the ends of what they hold, as far as they reach.

    Its middle and direction are those of the line between the hands.

    Args:
        points (np.ndarray): Joints, (T, 13, 3); changed in place.
        length (float): How far apart the hands are, in meters.
    """
    left, right = (points[:, JOINTS[f'{side}_wrist']] for side in SIDES)
    across = right - left
    apart = np.linalg.norm(across, axis=-1, keepdims=True)
    middle = (left + right) / 2
    half = across * (length / 2 / apart.clip(1e-3))
    hold_limb(points, 'left_arm', middle - half)
    hold_limb(points, 'right_arm', middle + half)
