"""Performances of an activity: who moves, how fast, seen from where."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from ..skeletons import PENN_ACTION
from ..transforms.checks import mirror_order
from ..transforms.noise import smooth_noise
from .activity import RandomActivity
from .body import (
    ANGLES,
    BONES,
    COLUMNS,
    JOINTS,
    LIMBS,
    hold_limb,
    hold_object,
    place_joints,
)
from .body import LIMITS as ANGLE_LIMITS
from .occlusion import hide_joints

MIN_FRAMES = 12
PAIRS = np.array(PENN_ACTION['flip_pairs'])
MIRROR = mirror_order(PENN_ACTION['flip_pairs'], len(JOINTS))
# One for an angle in degrees, 0 for the place of the pelvis.
_IS_ANGLE = np.arange(len(ANGLES)) >= len(COLUMNS['pelvis'])
# Share of the performances in which joints that the body itself hides are
# missing, as people and some detectors mark them.
OCCLUDED = 0.75


class Camera(NamedTuple):
    """Where the performances of an activity are usually filmed from.

    Attributes:
        yaw (float): Direction, in degrees.
        pitch (float): By how much it looks down, in degrees.
        is_shared (bool): Whether all performances are filmed from about
            there, or each from a direction of its own.
    """

    yaw: float
    pitch: float
    is_shared: bool


class Performance(NamedTuple):
    """A performance of an activity, as a pose detector gives it.

    Attributes:
        keypoint (np.ndarray): Joints in the picture, in torso lengths, y
            down, (T, 13, 2) float32.
        score (np.ndarray): 0 for a joint that is missing and whose place is
            interpolated, else 1, (T, 13) float32.
        time (np.ndarray): Ground truth: the canonical time of every frame,
            in [0, 1], (T,) float32. It does not decrease but where a
            periodic activity starts again.
    """

    keypoint: np.ndarray
    score: np.ndarray
    time: np.ndarray


def draw_performance(
    activity: RandomActivity, rng: np.random.Generator, max_frames: int = 96
) -> Performance:
    """Draw a performance by another person, seen by another camera.

    Args:
        activity (RandomActivity): What is performed.
        rng (np.random.Generator): Of all draws.
        max_frames (int): Number of frames at most.

    Returns:
        Performance: The joints in the picture.
    """
    time = draw_timing(
        activity.num_frames, activity.is_periodic, rng, max_frames
    )
    angles = _draw_angles(activity, rng, time)
    bones = np.array(list(BONES.values()))
    bones = bones * np.exp(rng.normal(0, 0.1, len(bones)))
    points = place_joints(angles, bones)
    for limb in activity.held:
        # Where its end was at first, in the key pose of this person.
        hold_limb(points, limb, points[0, JOINTS[LIMBS[limb][2]]].copy())
    for arm, joint in activity.touches.items():
        offset = rng.normal(0, 0.05, 3)
        hold_limb(points, arm, points[:, JOINTS[joint]] + offset)
    if activity.grip is not None:
        hold_object(points, activity.grip * np.exp(rng.normal(0, 0.15)))
    camera = Camera(activity.yaw, activity.pitch, activity.one_view)
    return film(
        points,
        np.ones(points.shape[:2]),
        time % 1.0 if activity.is_periodic else time,
        camera,
        rng,
    )


def draw_timing(
    num_frames: float,
    is_periodic: bool,
    rng: np.random.Generator,
    max_frames: int,
) -> np.ndarray:
    """Draw the tempo of a performance, its pauses and its ends.

    Args:
        num_frames (float): Usual number of frames.
        is_periodic (bool): Whether it may repeat, and start anywhere.
        rng (np.random.Generator): Of all draws.
        max_frames (int): Number of frames at most.

    Returns:
        np.ndarray: The canonical time of every frame, (T,): it never
        decreases, and is beyond 1 in later periods.
    """
    frames = num_frames * np.exp(rng.normal(0, 0.3))
    frames = int(np.clip(frames, MIN_FRAMES, max_frames))
    start, end = 0.0, 1.0
    if is_periodic:
        start = rng.random() if rng.random() < 0.5 else 0.0
        end = start + rng.integers(1, 4) * rng.uniform(0.9, 1.2)
    else:
        # Cut off at the ends.
        if rng.random() < 0.4:
            start = rng.uniform(0, 0.25)
        if rng.random() < 0.4:
            end = 1 - rng.uniform(0, 0.25)
    log_speed = rng.uniform(0.1, 0.6) * smooth_noise(
        rng, frames, (), frames / rng.uniform(2, 6)
    )
    speed = np.exp(log_speed)
    if rng.random() < 0.25:
        pause = rng.integers(0, frames)
        speed[pause : pause + rng.integers(3, 15)] *= 0.05
    passed = np.concatenate([[0], np.cumsum(speed[1:])])
    time = start + (end - start) * passed / passed[-1]
    if not is_periodic:
        longest = max(2, frames // 3)
        # Standing still before and after.
        before = rng.integers(1, longest) if start == 0 else 0
        after = rng.integers(1, longest) if end == 1 else 0
        time = np.concatenate(
            [
                np.full(before * (rng.random() < 0.5), start),
                time,
                np.full(after * (rng.random() < 0.5), end),
            ]
        )[:max_frames]
    return time


def _draw_angles(
    activity: RandomActivity, rng: np.random.Generator, time: np.ndarray
) -> np.ndarray:
    """Draw the angles of every frame, (T, 27), in the style of a person."""
    style = rng.uniform(0.3, 1.6)
    active = activity.active_columns
    # The pelvis is in meters.
    unit = np.where(_IS_ANGLE, 1.0, 0.004)
    change = 4 * rng.normal(size=activity.poses.shape)
    change[:, active] += 9 * rng.normal(size=(len(change), len(active)))
    poses = activity.poses + style * unit * change
    if activity.is_periodic:
        poses[-1] = poses[0]
    mean = poses.mean(0)
    amplitude = np.exp(
        rng.normal(0, 0.12 * style, len(ANGLES)) + rng.normal(0, 0.1 * style)
    )
    poses = mean + (poses - mean) * amplitude
    time = time % 1.0 if activity.is_periodic else time
    if activity.stops:
        angles = _stopping(activity.times, poses, time)
    else:
        angles = PchipInterpolator(activity.times, poses)(time)
    posture = 5 * style * unit * rng.normal(size=len(ANGLES))
    if rng.random() < 0.4:
        # Limbs that take no part are held as everyone likes.
        idle = np.setdiff1d(np.flatnonzero(_IS_ANGLE)[3:], active)
        posture[idle] += rng.normal(0, 15, len(idle))
    sway = 3 * style * unit * smooth_noise(rng, len(time), (len(ANGLES),), 12)
    low, high = ANGLE_LIMITS.T
    return (angles + posture + sway).clip(low - 10, high + 10)


def _stopping(
    times: np.ndarray, poses: np.ndarray, time: np.ndarray
) -> np.ndarray:
    """Interpolate key poses so that the movement stops at each of them."""
    step = np.searchsorted(times, time, side='right') - 1
    step = step.clip(0, len(times) - 2)
    share = (time - times[step]) / (times[step + 1] - times[step])
    share = (share * share * (3 - 2 * share))[:, None]
    return poses[step] * (1 - share) + poses[step + 1] * share


def film(
    points: np.ndarray,
    score: np.ndarray,
    time: np.ndarray,
    camera: Camera,
    rng: np.random.Generator,
) -> Performance:
    """See a performance by a camera and a pose detector.

    Args:
        points (np.ndarray): Joints, (T, 13, 3), y up, in meters.
        score (np.ndarray): 0 for a joint that is missing, else 1, (T, 13).
        time (np.ndarray): Canonical time of every frame, (T,).
        camera (Camera): About where it is filmed from.
        rng (np.random.Generator): Of all draws.

    Returns:
        Performance: The joints in the picture.
    """
    if camera.is_shared:
        yaw = camera.yaw + rng.normal(0, 30)
    else:
        yaw = rng.uniform(-180, 180)
    flat, nearness = project(points, yaw, camera.pitch + rng.normal(0, 8), rng)
    flat /= _torso_length(flat)
    if rng.random() < OCCLUDED:
        flat, score = hide_joints(flat, nearness, score, rng)
    flat, score = add_errors(flat, score, rng)
    return Performance(
        keypoint=flat.astype(np.float32),
        score=score.astype(np.float32),
        time=time.astype(np.float32),
    )


def project(
    points: np.ndarray, yaw: float, pitch: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Project joints into the picture of a camera.

    Args:
        points (np.ndarray): Joints, (T, V, 3), y up, in meters.
        yaw (float): Direction of the camera, in degrees.
        pitch (float): By how much it looks down, in degrees.
        rng (np.random.Generator): Draws a small roll, and the distance: far
            away, or a few meters with perspective.

    Returns:
        tuple[np.ndarray, np.ndarray]: Places in the picture, (T, V, 2), y
        down; and along the axis to the camera, larger if nearer, (T, V).
    """
    roll = rng.normal(0, 5)
    camera = Rotation.from_euler('ZXY', [roll, pitch, yaw], degrees=True)
    seen = points @ camera.as_matrix().T
    flat = seen[..., :2]
    if rng.random() < 0.7:
        distance = rng.uniform(2.5, 8)
        flat = flat * distance / (distance - seen[..., 2:]).clip(0.8)
    return flat * (1, -1), seen[..., 2]


def _torso_length(flat: np.ndarray) -> float:
    shoulders = flat[:, [JOINTS['left_shoulder'], JOINTS['right_shoulder']]]
    hips = flat[:, [JOINTS['left_hip'], JOINTS['right_hip']]]
    lengths = np.linalg.norm(shoulders.mean(1) - hips.mean(1), axis=-1)
    # Seen from its end it has none.
    return float(np.median(lengths)) + 0.1


def add_errors(
    flat: np.ndarray, score: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add errors of annotators and pose detectors, and mirror now and then.

    Args:
        flat (np.ndarray): Joints in torso lengths, (T, 13, 2).
        score (np.ndarray): 0 for a joint that is missing, else 1, (T, 13).
        rng (np.random.Generator): Of all draws.

    Returns:
        tuple[np.ndarray, np.ndarray]: The joints, and their scores: 0 also
        where a joint is lost and its place interpolated, (T, 13).
    """
    frames = len(flat)
    # A score goes with its joint.
    seen = np.concatenate([flat, score[..., None]], -1)
    if rng.random() < 0.3:
        seen = seen[:, MIRROR] * (-1, 1, 1)
    jitter = rng.uniform(0.003, 0.05) * rng.normal(size=flat.shape)
    drift = rng.uniform(0, 0.05) * smooth_noise(rng, frames, flat.shape[1:], 6)
    seen[..., :2] += jitter + drift
    for left, right in PAIRS:
        # Left and right seen as one.
        draw = rng.random()
        if draw < 0.03:
            seen[:, left] = seen[:, right]
        elif draw < 0.06:
            seen[:, right] = seen[:, left]
    if rng.random() < 0.06:
        seen = seen[:, MIRROR]
    elif rng.random() < 0.1:
        # Left and right are taken for each other for some frames.
        pair = PAIRS[rng.integers(len(PAIRS))]
        start = rng.integers(0, frames)
        stop = start + rng.integers(1, 10)
        seen[start:stop, pair] = seen[start:stop, pair[::-1]]
    flat, score = seen[..., :2], seen[..., 2]
    if rng.random() < 0.35:
        for joint in rng.choice(len(JOINTS), rng.integers(1, 4), False):
            _lose_joint(flat, score, joint, rng)
    return flat, score


def _lose_joint(flat, score, joint, rng) -> None:
    """Interpolate a joint that is missing for a while, or for all time."""
    frames = len(flat)
    start = int(rng.integers(0, frames - 1))
    stop = min(start + int(rng.integers(2, max(3, frames // 2))), frames)
    if rng.random() < 0.15:
        start, stop = 0, frames
    seen = np.r_[0:start, stop:frames]
    if len(seen):
        gap = np.arange(start, stop)
        for axis in range(2):
            flat[gap, joint, axis] = np.interp(
                gap, seen, flat[seen, joint, axis]
            )
    else:
        # Where its neighbors are, as a detector guesses.
        flat[:, joint] = flat.mean(1) + 0.1 * rng.normal(size=2)
    score[start:stop, joint] = 0
