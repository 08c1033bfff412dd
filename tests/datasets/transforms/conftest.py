import copy

import numpy as np
import pytest

# A body of 11 joints; the two bones 0-9 and 9-1 make a cycle with 0-1.
SKELETON = dict(
    joints=[
        *['neck', 'hip', 'l_elbow', 'l_hand', 'r_elbow', 'r_hand'],
        *['l_knee', 'l_foot', 'r_knee', 'spine', 'r_foot'],
    ],
    bones=[
        *[[0, 1], [0, 2], [2, 3], [0, 4], [4, 5]],
        *[[1, 6], [7, 6], [1, 8], [0, 9], [9, 1], [8, 10]],
    ],
    flip_pairs=[[2, 4], [3, 5], [6, 8], [7, 10]],
    root=1,
    torso=[0, 1],
)


@pytest.fixture
def skeleton():
    return copy.deepcopy(SKELETON)


@pytest.fixture
def make_sample(skeleton):
    """Return a function that makes a sample, given what shall be special."""

    def make(frames=12, persons=1, axes=3, key=0, **changes):
        rng = np.random.default_rng([frames, persons, axes])
        keypoint = rng.normal(size=(persons, frames, 11, axes))
        sample = dict(
            frame_dir='clip 1',
            total_frames=frames,
            label=2,
            activity='bowl',
            split='train',
            keypoint=keypoint.astype(np.float32),
            keypoint_score=rng.random((persons, frames, 11)).astype('f4'),
            phase=np.arange(frames) // 4,
            skeleton=skeleton,
            rng=np.random.default_rng(key),
        )
        sample.update(changes)
        return {k: v for k, v in sample.items() if v is not None}

    return make
