"""One generated sequence: who moves, how fast, seen from where."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..transforms.noise import smooth_noise
from .activities import CANONICAL_FRAMES, SYMMETRIC, Activity
from .body import ANGLES, JOINTS, MIRROR, OFFSETS, pose_body


class SyntheticSequence(NamedTuple):
    """A generated sequence.

    Attributes:
        keypoint (np.ndarray): Joints as the camera sees them, ``(T, 25, 3)``
            float32, meters, y up.
        canonical_time (np.ndarray): True place of every frame on the
            activity's canonical timeline, ``(T,)`` float32, in [0, 100],
            not decreasing.
        phase (np.ndarray): Number of key events at or before each frame,
            ``(T,)`` int64.
    """

    keypoint: np.ndarray
    canonical_time: np.ndarray
    phase: np.ndarray


def generate_sequence(
    activity: Activity, rng: np.random.Generator
) -> SyntheticSequence:
    """Generate a sequence of an activity by a new performer.

    Everything that differs between two sequences is drawn here: tempo,
    pauses, body, style, handedness, view and the sensor's noise.
    """
    time = _draw_timing(activity, rng)
    angles = _add_style(activity.angles_at(time), rng)
    points = pose_body(angles, _draw_body(rng))
    if activity.name not in SYMMETRIC and rng.random() < 0.5:
        points = points[:, MIRROR] * (-1, 1, 1)
    points = _add_noise(_draw_view(rng).apply_to(points), rng)
    return SyntheticSequence(
        keypoint=points.astype(np.float32),
        canonical_time=time.astype(np.float32),
        phase=np.searchsorted(activity.event_times, time, side='right'),
    )


def _draw_timing(activity: Activity, rng: np.random.Generator) -> np.ndarray:
    """Canonical time of every frame.

    Each stretch between key events has its own tempo and its own slow or
    fast start; pauses come at random events, and standing still before and
    after.
    """
    bounds = np.array([0, *activity.event_times, CANONICAL_FRAMES])
    parts = [np.zeros(rng.integers(0, 25))]
    for start, end in pairwise(bounds):
        tempo = 0.6 * np.exp(rng.normal(0, 0.45))
        count = max(3, round((end - start) * tempo))
        share = np.arange(count) / count
        parts.append(start + (end - start) * share ** rng.uniform(0.7, 1.4))
        if rng.random() < 0.3:
            parts.append(np.full(rng.integers(5, 25), end))
    parts.append(np.full(rng.integers(1, 25), CANONICAL_FRAMES))
    return np.concatenate(parts)


def _add_style(angles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far, how upright and how steadily this performer moves."""
    frames, count = angles.shape
    unit = np.where(np.array(ANGLES) == 'lift', 0.0, 1.0)
    amplitude = np.exp(rng.normal(0, 0.12, count))
    posture = rng.normal(0, 6, count) * unit
    sway = 3 * unit * smooth_noise(rng, frames, (count,), 15)
    return angles * amplitude + posture + sway


def _draw_body(rng: np.random.Generator) -> np.ndarray:
    """Offsets of a body of its own size and proportions."""
    scale = np.exp(rng.normal(0, 0.08, len(JOINTS)))
    scale = np.sqrt(scale * scale[MIRROR])
    return OFFSETS * scale[:, None] * np.exp(rng.normal(0, 0.08))


class _View(NamedTuple):
    turn: Rotation
    shift: np.ndarray

    def apply_to(self, points: np.ndarray) -> np.ndarray:
        turned = self.turn.apply(points.reshape(-1, 3))
        return turned.reshape(points.shape) + self.shift


def _draw_view(rng: np.random.Generator) -> _View:
    """A camera up to 50 degrees to either side, a little tilted."""
    degrees = rng.uniform(-50, 50), rng.normal(0, 8), rng.normal(0, 3)
    return _View(
        Rotation.from_euler('YXZ', degrees, degrees=True),
        rng.normal(0, 0.5, 3),
    )


def _add_noise(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Jitter of 1 cm, and 1.5 cm that drifts."""
    drift = smooth_noise(rng, len(points), points.shape[1:], 8)
    return points + 0.015 * drift + rng.normal(0, 0.01, points.shape)
