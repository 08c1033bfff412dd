"""Ten activities as key poses on a canonical timeline of 100 frames."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from .body import ANGLES

# Length of every activity's canonical timeline, in frames.
CANONICAL_FRAMES = 100


class Activity(NamedTuple):
    """One activity.

    Attributes:
        name (str): Its name.
        events (list[str]): Names of its key events, in order.
        event_times (np.ndarray): Their canonical times, ``(E,)``, in
            (0, 100).
        key_times (np.ndarray): Canonical times of the key poses, ``(K,)``,
            from 0 to 100.
        key_angles (np.ndarray): Their angles, ``(K, 18)``, see
            :data:`masa.datasets.synthetic.body.ANGLES`.
    """

    name: str
    events: list[str]
    event_times: np.ndarray
    key_times: np.ndarray
    key_angles: np.ndarray

    def angles_at(self, times: np.ndarray) -> np.ndarray:
        """Interpolate the key poses: times (T,) give angles (T, 18)."""
        return PchipInterpolator(self.key_times, self.key_angles)(times)


def _both(**angles: float) -> dict[str, float]:
    """The same angle on the left and on the right."""
    return {
        f'{side}_{name}': value
        for name, value in angles.items()
        for side in ('left', 'right')
    }


STAND = _both(arm_out=8, elbow=10)
# Poses that several activities pass through.
HALF_SQUAT = dict(lean=15, bend=15, **_both(hip=65, knee=60, arm=50))
SQUAT = dict(lean=25, bend=20, **_both(hip=120, knee=125, arm=95))
AT_FLOOR = dict(lean=35, bend=45, nod=-20, **_both(hip=115, knee=95, arm=75))
AT_HIPS = dict(lean=5, **_both(hip=5, knee=5, arm=15, elbow=25))
AT_SHOULDERS = _both(arm=45, elbow=140, hip=12, knee=20)
OVERHEAD = _both(arm=175, elbow=5)
ARMS_LEVEL = dict(lift=0.08, **_both(arm_out=90, hip_out=12))
ARMS_UP = _both(arm_out=165, hip_out=26)
ADDRESS = dict(lean=20, bend=20, **_both(hip=20, knee=20, arm=40, elbow=5))
STEP = dict(
    lean=5, left_hip=50, left_knee=45, right_hip=-12, right_knee=25,
)  # fmt: skip
SEATED = dict(bend=-5, **_both(hip=92, knee=92, arm=35, elbow=45))

# Of every activity: (canonical time, key event or None, pose).
_SCRIPTS = dict(
    squat=[
        (25, 'half-way down', HALF_SQUAT),
        (50, 'bottom', SQUAT),
        (75, 'half-way up', HALF_SQUAT),
    ],
    jumping_jack=[
        (25, 'arms level, rising', ARMS_LEVEL),
        (50, 'arms highest', ARMS_UP),
        (75, 'arms level, sinking', ARMS_LEVEL),
    ],
    throw=[
        (30, 'arm drawn back', dict(
            twist=-45, right_arm=-35, right_arm_out=40, right_elbow=95,
            left_arm=40, left_hip=25, left_knee=30)),
        (48, 'arm cocked', dict(
            twist=-30, right_arm_out=95, right_arm=30, right_elbow=110,
            left_arm=60, left_hip=30, left_knee=20)),
        (62, 'release', dict(
            twist=30, bend=20, right_arm=125, right_elbow=15, left_arm=10,
            left_hip=20, left_knee=20)),
        (78, 'followed through', dict(
            twist=55, bend=45, right_arm=40, right_elbow=20, left_arm=-20,
            left_hip=15, left_knee=25)),
    ],
    kick=[
        (35, 'leg drawn back', dict(
            lean=10, right_hip=-30, right_knee=85, left_arm=45,
            right_arm=-30)),
        (52, 'impact', dict(
            lean=-5, right_hip=40, right_knee=10, right_arm=25,
            left_arm=-15)),
        (68, 'foot highest', dict(
            lean=-12, bend=10, right_hip=95, right_knee=5, right_arm=55,
            left_arm=-30)),
    ],
    golf_swing=[
        (15, 'address', ADDRESS),
        (45, 'club highest', dict(ADDRESS, twist=-85, right_arm=100,
            left_arm=95, right_elbow=80, left_elbow=5)),
        (62, 'impact', dict(ADDRESS, twist=12, lean=15)),
        (80, 'finish', dict(twist=95, right_arm=105, left_arm=110,
            left_elbow=90, right_elbow=25)),
    ],
    pick_up=[
        (30, 'hands at floor', AT_FLOOR),
        (55, 'box at hips', AT_HIPS),
        (78, 'box on shelf', _both(arm=100, elbow=15)),
    ],
    lunge=[
        (30, 'foot set down', STEP),
        (50, 'lowest', dict(lean=5, left_hip=95, left_knee=95,
            right_hip=-5, right_knee=95)),
        (70, 'risen', STEP),
    ],
    clean_and_press=[
        (18, 'hands at floor', AT_FLOOR),
        (38, 'bar at shoulders', AT_SHOULDERS),
        (55, 'bar overhead', OVERHEAD),
        (70, 'bar lowered to shoulders', AT_SHOULDERS),
        (85, 'bar at floor', AT_FLOOR),
    ],
    sit_down=[
        (20, 'half-way down', HALF_SQUAT),
        (38, 'seated', SEATED),
        (62, 'leaning forward', dict(SEATED, lean=25, bend=30, **_both(
            arm=60, elbow=20, hip=115))),
        (80, 'half-way up', HALF_SQUAT),
    ],
    wave=[
        (25, 'hand raised', dict(right_arm_out=140, right_elbow=70)),
        (42, 'hand outward', dict(right_arm_out=115, right_elbow=25)),
        (58, 'hand inward', dict(right_arm_out=150, right_elbow=105)),
        (75, 'hand outward again', dict(
            right_arm_out=115, right_elbow=25)),
    ],
)  # fmt: skip
# Nothing tells left from right in the others.
SYMMETRIC = {
    'squat', 'jumping_jack', 'pick_up', 'clean_and_press', 'sit_down',
}  # fmt: skip


def _angles(pose: dict[str, float]) -> list[float]:
    return [{**STAND, **pose}.get(name, 0.0) for name in ANGLES]


ACTIVITIES = {
    name: Activity(
        name=name,
        events=[event for _, event, _ in script],
        event_times=np.array([time for time, _, _ in script], dtype=float),
        key_times=np.array(
            [0, *(time for time, _, _ in script), CANONICAL_FRAMES],
            dtype=float,
        ),
        key_angles=np.array(
            [_angles(pose) for pose in ({}, *(p for _, _, p in script), {})]
        ),
    )
    for name, script in _SCRIPTS.items()
}
