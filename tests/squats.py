"""Recordings of squats, made by a formula."""

import numpy as np

from masa.datasets.skeletons import PENN_ACTION

RATE = 30.0


def squat(frames, arm='right'):
    """Stand, squat, raise an arm on the way, stand; (T, 13, 3), y up."""
    names = PENN_ACTION['joints']
    standing = dict(head=(0, 1.65, 0))
    for side, x in (('left', 1), ('right', -1)):
        standing |= {
            f'{side}_shoulder': (0.2 * x, 1.4, 0),
            f'{side}_elbow': (0.25 * x, 1.1, 0),
            f'{side}_wrist': (0.25 * x, 0.85, 0),
            f'{side}_hip': (0.12 * x, 0.9, 0),
            f'{side}_knee': (0.12 * x, 0.5, 0),
            f'{side}_ankle': (0.12 * x, 0.1, 0),
        }
    depth = np.sin(np.linspace(0, np.pi, frames)) ** 2
    joints = np.array([standing[name] for name in names], float)
    joints = np.repeat(joints[None], frames, axis=0)
    for i, name in enumerate(names):
        if not name.endswith(('knee', 'ankle')):
            joints[:, i, 1] -= 0.35 * depth
        if name.endswith('knee'):
            joints[:, i, 2] += 0.25 * depth
            joints[:, i, 1] -= 0.1 * depth
    for joint, lift in (('elbow', 0.5), ('wrist', 1.1)):
        joints[:, names.index(f'{arm}_{joint}'), 1] += lift * depth
    return joints


def turned(joints, degrees):
    angle = np.radians(degrees)
    x, y, z = np.moveaxis(joints, -1, 0)
    return np.stack(
        [
            np.cos(angle) * x + np.sin(angle) * z,
            y,
            np.cos(angle) * z - np.sin(angle) * x,
        ],
        -1,
    )


def record(joints, name, rate=RATE):
    return dict(
        frame_dir=name,
        total_frames=len(joints),
        frame_rate=rate,
        keypoint=np.asarray(joints, np.float32)[None],
        skeleton=PENN_ACTION | dict(up_axis='y'),
    )


def training(*lengths, arm='right'):
    """Squats after pauses of 40 frames, seen from the side a little."""
    parts, places, frames = [], [], 0
    for length in lengths:
        one = turned(squat(length, arm), 40)
        parts += [np.repeat(one[:1], 40, axis=0), one]
        places.append((frames + 40, frames + 40 + length))
        frames += 40 + length
    return np.concatenate(parts), places
