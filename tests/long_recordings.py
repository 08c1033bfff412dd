"""Recordings of several performances, for archives."""

import numpy as np
from squats import record, squat


def raise_arm(frames):
    """Stand and raise the right arm; (T, 13, 3), y up."""
    joints = np.repeat(squat(2)[:1], frames, axis=0)
    lift = np.sin(np.linspace(0, np.pi, frames)) ** 2
    for joint, height in ((3, 0.5), (5, 1.2)):
        joints[:, joint, 1] += height * lift
    return joints


def make_recording(number, name):
    """Squats and raised arms in turn, and where the squats are, in frames."""
    rng = np.random.default_rng(number)
    stretches = [
        squat(int(rng.integers(70, 110)))
        if (i + number) % 2
        else raise_arm(int(rng.integers(60, 90)))
        for i in range(4)
    ]
    ends = np.cumsum([len(one) for one in stretches])
    places = [
        (int(end) - len(one), int(end))
        for i, (one, end) in enumerate(zip(stretches, ends, strict=True))
        if (i + number) % 2
    ]
    joints = np.concatenate(stretches)
    joints += rng.normal(0, 0.002, joints.shape)
    return record(joints, name), places
