"""Random activities: key poses on a canonical timeline from 0 to 1."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .body import ANGLES, COLUMNS, INDEX, LIMITS, pose

ARMS = ('left_arm', 'right_arm')
LEGS = ('left_leg', 'right_leg')


class Posture(NamedTuple):
    """A posture that activities start from.

    Attributes:
        weight (float): How often, relative to the others.
        pose (np.ndarray): Angles, (27,).
        lean (tuple[float, float]): How far the trunk goes down and up in
            large movements such as sitting up or bending to the floor:
            range of the pitch of the root, in degrees.
        holds (dict[tuple[str, ...], float]): Limbs that may stay where they
            are, on the ground or on a bar, and how probably.
        is_low (bool): Whether cameras look down at it.
    """

    weight: float
    pose: np.ndarray
    lean: tuple[float, float]
    holds: dict[tuple[str, ...], float]
    is_low: bool = False


POSTURES = (
    # Standing.
    Posture(5, pose(arm_out=8, arm_elbow=12), (-20, 100), {LEGS: 0.5}),
    # Ready to jump or to catch.
    Posture(
        2,
        pose(
            root_pitch=15,
            trunk_bend=12,
            leg_raise=35,
            leg_knee=35,
            arm_raise=30,
            arm_elbow=50,
        ),
        (-10, 90),
        {LEGS: 0.5},
    ),
    # Hanging, or the hands overhead.
    Posture(
        1, pose(arm_raise=170, arm_elbow=10), (-30, 60), {ARMS: 0.5, LEGS: 0.3}
    ),
    # Sitting.
    Posture(
        1,
        pose(leg_raise=90, leg_knee=90, arm_raise=30, arm_elbow=40),
        (-40, 60),
        {LEGS: 0.6},
    ),
    # Crouching.
    Posture(
        1,
        pose(
            root_pitch=25,
            trunk_bend=20,
            leg_raise=115,
            leg_knee=120,
            arm_raise=80,
        ),
        (0, 80),
        {LEGS: 0.7, ARMS: 0.2},
    ),
    # Legs apart.
    Posture(
        1, pose(leg_out=25, arm_out=40, arm_elbow=20), (-20, 90), {LEGS: 0.6}
    ),
    # Lunging.
    Posture(
        1,
        pose(
            left_leg_raise=70,
            left_leg_knee=80,
            right_leg_raise=-5,
            right_leg_knee=60,
            arm_raise=20,
            arm_elbow=40,
        ),
        (-15, 60),
        {LEGS: 0.6},
    ),
    # On the back.
    Posture(
        1,
        pose(
            root_pitch=-88,
            arm_raise=20,
            arm_elbow=40,
            leg_raise=15,
            leg_knee=20,
        ),
        (-100, 10),
        {LEGS: 0.5},
        True,
    ),
    # On the back, knees up.
    Posture(
        1.5,
        pose(
            root_pitch=-88,
            arm_raise=80,
            arm_elbow=60,
            leg_raise=50,
            leg_knee=85,
        ),
        (-95, 20),
        {LEGS: 0.7},
        True,
    ),
    # Plank.
    Posture(
        1.5,
        pose(
            root_pitch=75,
            arm_raise=85,
            arm_elbow=10,
            leg_raise=2,
            leg_knee=3,
        ),
        (40, 100),
        {ARMS: 0.7, LEGS: 0.7},
        True,
    ),
    # On all fours.
    Posture(
        0.7,
        pose(
            root_pitch=85,
            arm_raise=85,
            arm_elbow=5,
            leg_raise=88,
            leg_knee=90,
        ),
        (50, 110),
        {ARMS: 0.5, LEGS: 0.5},
        True,
    ),
)
_WEIGHTS = np.array([posture.weight for posture in POSTURES])
# How much people differ in a posture, and how far a movement goes, as
# standard deviations of the angles.
_VARIETY = np.array(
    [
        *(0.02, 0.02, 0.02, 6, 10, 3, 6, 4, 5, 8, 4),
        *(14, 10, 20, 18) * 2,
        *(9, 7, 8, 10) * 2,
    ]
)
_REACH = np.array(
    [
        *(0.12, 0.18, 0.12, 30, 55, 12, 22, 14, 25, 15, 10),
        *(65, 55, 40, 55) * 2,
        *(45, 22, 18, 50) * 2,
    ]
)
# How probably a part takes part in an activity.
_ACTIVE = dict(
    pelvis=0.6,
    root=0.5,
    trunk=0.5,
    left_arm=0.7,
    right_arm=0.7,
    left_leg=0.45,
    right_leg=0.45,
)


@dataclass(frozen=True)
class RandomActivity:
    """An activity.

    Attributes:
        poses (np.ndarray): Angles of the key poses, (K, 27).
        times (np.ndarray): Their canonical times, from 0 to 1, (K,).
        active (tuple[str, ...]): Parts of the body that take part.
        held (tuple[str, ...]): Limbs whose hand or foot stays in place.
        touches (dict[str, str]): Arms whose hand stays at a joint of the
            body, such as the head, and the joint.
        grip (float, optional): How far apart the hands are that hold one
            object, in meters; None if they don't.
        is_periodic (bool): Whether it repeats, the last key pose being the
            first.
        stops (bool): Whether the movement stops at every key pose.
        num_frames (float): Usual length of a performance, in frames.
        yaw (float): Usual direction of the camera, in degrees.
        pitch (float): By how much the camera usually looks down, in degrees.
        one_view (bool): Whether all performances are seen from about there.
    """

    poses: np.ndarray
    times: np.ndarray
    active: tuple[str, ...]
    held: tuple[str, ...]
    touches: dict[str, str]
    grip: float | None
    is_periodic: bool
    stops: bool
    num_frames: float
    yaw: float
    pitch: float
    one_view: bool

    @property
    def active_columns(self) -> np.ndarray:
        """np.ndarray: Columns of the angles that take part."""
        return np.concatenate([COLUMNS[part] for part in self.active])


def draw_activity(
    rng: np.random.Generator, max_frames: int = 96
) -> RandomActivity:
    """Draw an activity.

    Args:
        rng (np.random.Generator): Of all draws.
        max_frames (int): Longest performance.

    Returns:
        RandomActivity: The activity.
    """
    posture = POSTURES[rng.choice(len(POSTURES), p=_WEIGHTS / _WEIGHTS.sum())]
    first = _within_limits(
        posture.pose + _VARIETY * rng.normal(size=len(ANGLES))
    )
    held = tuple(
        limb
        for limbs, probability in posture.holds.items()
        if rng.random() < probability
        for limb in limbs
    )
    # Left and right do the same.
    even = [
        pair
        for pair, probability in (
            (ARMS, 0.5),
            (LEGS, 0.85 if posture.is_low else 0.5),
        )
        if rng.random() < probability
    ]
    touches = _draw_touches(rng, held)
    active = _draw_active(rng, even, (*held, *touches))
    grip = None
    if set(ARMS) <= set(active) and rng.random() < 0.25:
        # A club or a rope; a barbell.
        grip = 0.06 if rng.random() < 0.5 else rng.uniform(0.25, 0.9)
    poses = _draw_poses(rng, first, posture.lean, active, even)
    shape = rng.random()
    is_periodic = rng.random() < 0.2
    if shape < 0.4 and len(poses) <= 4:
        # There and back.
        poses = [*poses, *poses[-2::-1]]
    elif shape < 0.7 or is_periodic:
        poses = [*poses, first]
    steps = rng.gamma(1.8, 1, len(poses) - 1) + 0.25
    if rng.random() < 0.25:
        # A stroke, jump or throw: one movement is much faster.
        steps[rng.integers(len(steps))] *= rng.uniform(0.15, 0.4)
    times = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    low_camera = posture.is_low and rng.random() < 0.3
    return RandomActivity(
        poses=np.array(poses),
        times=times,
        active=active,
        held=held,
        touches=touches,
        grip=grip,
        is_periodic=is_periodic,
        stops=rng.random() < 0.3,
        num_frames=max_frames * 0.95 * rng.uniform(0.42, 1) ** 1.5,
        yaw=rng.uniform(-180, 180),
        pitch=rng.uniform(0, 70) if low_camera else rng.normal(8, 10),
        one_view=rng.random() < 0.6,
    )


def draw_sibling(
    activity: RandomActivity, rng: np.random.Generator
) -> RandomActivity:
    """Draw an activity that shares poses with another.

    Some limbs do something else, or the end is another, or it runs
    backwards.

    Args:
        activity (RandomActivity): The other.
        rng (np.random.Generator): Of all draws.

    Returns:
        RandomActivity: The activity, seen from about the same side.
    """
    poses, times = activity.poses.copy(), activity.times
    active = set(activity.active)
    kind = rng.random()
    if kind < 0.5:
        parts = ('trunk', *ARMS, *LEGS)
        for part in rng.choice(parts, rng.integers(1, 4), replace=False):
            columns = COLUMNS[part]
            change = rng.normal(size=(len(poses), len(columns)))
            poses[:, columns] += 0.9 * _REACH[columns] * change
            active.add(str(part))
    elif kind < 0.8:
        other = draw_activity(rng)
        start = rng.integers(1, len(poses))
        rest = np.arange(len(poses) - start) % len(other.poses)
        share = np.where(np.arange(len(ANGLES)) < 6, 0, 0.6)
        poses[start:] += share * (other.poses[rest] - poses[start:])
        active |= set(other.active)
    else:
        poses, times = poses[::-1].copy(), 1 - times[::-1]
    if activity.is_periodic:
        poses[-1] = poses[0]
    return replace(
        activity,
        poses=_within_limits(poses),
        times=times,
        active=tuple(sorted(active)),
        yaw=activity.yaw + rng.normal(0, 20),
        pitch=activity.pitch + rng.normal(0, 4),
    )


def _within_limits(poses: np.ndarray) -> np.ndarray:
    return poses.clip(LIMITS[:, 0], LIMITS[:, 1])


def _draw_active(
    rng: np.random.Generator,
    even: list[tuple[str, str]],
    held: tuple[str, ...],
) -> tuple[str, ...]:
    """Draw which parts take part; a limb that is held follows the trunk."""
    draws = {part: rng.random() < p for part, p in _ACTIVE.items()}
    for left, right in even:
        draws[right] = draws[left]
    for limb in held:
        draws[limb] = False
    # Something has to happen.
    if not any(draws[part] for part in ('root', *ARMS, *LEGS)):
        draws |= dict.fromkeys(set(ARMS) - set(held), True)
        draws |= dict.fromkeys(('pelvis', 'root') if held else (), True)
    return tuple(part for part, takes_part in draws.items() if takes_part)


def _draw_touches(
    rng: np.random.Generator, held: tuple[str, ...]
) -> dict[str, str]:
    """Draw which hands stay at the head, the chest, the hips or the knees."""
    if set(ARMS) & set(held) or rng.random() > 0.12:
        return {}
    places = (
        ('head', 'head'),
        ('right_shoulder', 'left_shoulder'),
        ('left_hip', 'right_hip'),
        ('left_knee', 'right_knee'),
    )
    left, right = places[rng.integers(len(places))]
    return dict(left_arm=left, right_arm=right)


def _draw_poses(
    rng: np.random.Generator,
    first: np.ndarray,
    lean: tuple[float, float],
    active: tuple[str, ...],
    even: list[tuple[str, str]],
) -> list[np.ndarray]:
    strength = rng.uniform(0.6, 1.4)
    # The legs stay where they are when the trunk leans or rises.
    legs_stay = rng.random() < 0.5
    turns = rng.random() < 0.35
    leans_far = rng.random() < 0.35
    poses = [first]
    for _ in range(rng.integers(2, 6)):
        last = poses[-1]
        current = last.copy()
        moving = [part for part in active if rng.random() < 0.7]
        for part in moving or [rng.choice(active)]:
            columns = COLUMNS[part]
            change = strength * _REACH[columns] * rng.normal(size=len(columns))
            center = first if rng.random() < 0.7 else last
            if part in ARMS and rng.random() < 0.35:
                # Anywhere that the arm can go.
                current[columns] = rng.uniform(*LIMITS[columns].T)
            elif part in LEGS and rng.random() < 0.4:
                # Hip and knee together, as in squatting and stepping.
                knee = rng.uniform(0, 120)
                hip = knee * rng.uniform(0.6, 1.1)
                current[columns[[0, 3]]] = hip, knee
            elif part == 'root':
                _turn_root(rng, current, last, center, change, turns)
                if leans_far:
                    current[INDEX['root.pitch']] = rng.uniform(*lean)
                if legs_stay:
                    change = (current - last)[INDEX['root.pitch']]
                    for leg in LEGS:
                        current[INDEX[f'{leg}.raise']] += change
            else:
                current[columns] = center[columns] + change
        for left, right in even:
            columns = COLUMNS[left]
            current[COLUMNS[right]] = current[columns] + rng.normal(
                0, 4.5, len(columns)
            )
        poses.append(_within_limits(current))
    return poses


def _turn_root(rng, current, last, center, change, turns) -> None:
    pitch, yaw, roll = COLUMNS['root']
    # Now and then far, as in sitting up or bending to the floor.
    factor = 0.7 if rng.random() < 0.7 else 1.6
    current[pitch] = center[pitch] + factor * change[0]
    current[yaw] = last[yaw] + (change[1] if turns else 0.15 * change[1])
    current[roll] = center[roll] + change[2]
