import tracemalloc

import numpy as np
import pytest

from masa.datasets.gaps import fill_invisible_joints, mean_visible_pose

PAIRS = [[1, 2], [3, 4]]


def fill_by_loops(keypoint, visible, pairs, pose):
    """The same in float64, one joint of one frame at a time."""
    frames, joints, axes = keypoint.shape
    out = {}
    for t in range(frames):
        for v in range(joints):
            if visible[t, v]:
                out[t, v] = keypoint[t, v].astype(float)
                continue
            before = [s for s in range(t) if visible[s, v]]
            after = [s for s in range(t + 1, frames) if visible[s, v]]
            if before and after:
                a, b = before[-1], after[0]
                w = (t - a) / (b - a)
                out[t, v] = (1 - w) * keypoint[a, v] + w * keypoint[b, v]
    mirror = {v: v for v in range(joints)}
    for left, right in pairs:
        mirror[left], mirror[right] = right, left
    seen = dict(out)
    for t in range(frames):
        for v in range(joints):
            if (t, v) not in seen and (t, mirror[v]) in seen:
                out[t, v] = seen[t, mirror[v]]
    scales = {}
    for t in range(frames):
        have = [v for v in range(joints) if (t, v) in out]
        if not have:
            continue
        target = np.array([out[t, v] for v in have])
        part = np.array([pose[v] for v in have])
        centered = part - part.mean(0)
        spread = (centered**2).sum()
        product = (centered * (target - target.mean(0))).sum()
        if spread > 0 and product > 0:
            scales[t] = product / spread
    usual = float(np.median(list(scales.values()))) if scales else 1.0
    result = np.full((frames, joints, axes), np.nan)
    for t in range(frames):
        have = [v for v in range(joints) if (t, v) in out]
        if not have:
            continue
        center = np.mean([out[t, v] for v in have], axis=0)
        pose_center = np.mean([pose[v] for v in have], axis=0)
        for v in range(joints):
            result[t, v] = (
                out[t, v]
                if (t, v) in out
                else center + scales.get(t, usual) * (pose[v] - pose_center)
            )
    known = [t for t in range(frames) if not np.isnan(result[t]).any()]
    for t in range(frames):
        if t not in known:
            nearest = min(known, key=lambda s: (abs(s - t), s))
            result[t] = result[nearest]
    return result


@pytest.mark.parametrize('seed', range(30))
@pytest.mark.parametrize('axes', [2, 3])
def test_against_loops(seed, axes):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 12))
    pose = rng.normal(size=(5, axes))
    keypoint = 3 * pose + rng.normal(size=(frames, 5, axes))
    visible = rng.random((frames, 5)) < rng.choice([0.2, 0.5, 0.8])
    visible[:, rng.integers(5)] = False
    visible[rng.integers(frames), 0] = True
    found = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    np.testing.assert_allclose(
        found, fill_by_loops(keypoint, visible, PAIRS, pose), atol=1e-9
    )


def make_sequence(frames=6):
    rng = np.random.default_rng(1)
    pose = rng.normal(size=(5, 2))
    keypoint = 10 * pose + rng.normal(size=(frames, 5, 2))
    return keypoint, np.ones((frames, 5), dtype=bool), pose


def test_positions_of_invisible_joints_are_never_read():
    keypoint, visible, pose = make_sequence()
    rng = np.random.default_rng(2)
    visible &= rng.random(visible.shape) < 0.6
    visible[0, 0] = True
    expected = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    for value in (0.7, 1e9, np.nan, np.inf):
        changed = np.where(visible[..., None], keypoint, value)
        np.testing.assert_array_equal(
            fill_invisible_joints(changed, visible, PAIRS, pose), expected
        )


def test_visible_joints_are_kept():
    keypoint, visible, pose = make_sequence()
    np.testing.assert_array_equal(
        fill_invisible_joints(keypoint, visible, PAIRS, pose), keypoint
    )


def test_gap_in_time_is_interpolated():
    keypoint, visible, pose = make_sequence()
    visible[2:4, 1] = False
    filled = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    step = (keypoint[4, 1] - keypoint[1, 1]) / 3
    np.testing.assert_allclose(filled[2, 1], keypoint[1, 1] + step)
    np.testing.assert_allclose(filled[3, 1], keypoint[1, 1] + 2 * step)


def test_joint_never_seen_is_taken_from_its_mirror():
    keypoint, visible, pose = make_sequence()
    visible[:, 3] = False
    visible[2, 4] = False
    filled = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    np.testing.assert_allclose(filled[:, 3], filled[:, 4])
    np.testing.assert_allclose(filled[2, 4], keypoint[[1, 3], 4].mean(0))


def test_joint_without_a_mirror_is_taken_from_the_mean_pose():
    _, visible, pose = make_sequence()
    shift = np.arange(6.0)[:, None, None] * [1, -2]
    keypoint = shift + 7 * pose
    visible[:, 0] = False
    filled = fill_invisible_joints(
        np.where(visible[..., None], keypoint, 0), visible, PAIRS, pose + 5
    )
    np.testing.assert_allclose(filled, keypoint)


def test_frame_without_any_joint_is_taken_from_the_nearest():
    keypoint, visible, pose = make_sequence()
    visible[:2] = False
    filled = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    np.testing.assert_allclose(filled[:2], keypoint[[2, 2]])


def test_single_joint_moves_the_pose():
    keypoint, visible, pose = make_sequence(1)
    visible[:, 1:] = False
    filled = fill_invisible_joints(keypoint, visible, PAIRS, pose)
    np.testing.assert_allclose(filled - filled[:, :1], [pose - pose[0]])


def test_sequence_without_any_joint_is_refused():
    keypoint, visible, pose = make_sequence()
    with pytest.raises(ValueError, match='5 joints'):
        fill_invisible_joints(keypoint, visible & False, PAIRS, pose)


def test_shapes_must_agree():
    keypoint, visible, pose = make_sequence()
    with pytest.raises(ValueError, match=r'\(6, 5\).*\(5, 5\)'):
        fill_invisible_joints(keypoint, visible[1:], PAIRS, pose)


class TestMeanPose:
    root, torso = [1, 2], [[0], [1, 2]]

    def test_against_loops(self):
        rng = np.random.default_rng(0)
        keypoints = [rng.normal(size=(t, 5, 3)) for t in (3, 8, 5)]
        visibles = [rng.random((t, 5)) < 0.7 for t in (3, 8, 5)]
        sums, counts = np.zeros((5, 3)), np.zeros(5)
        for keypoint, visible in zip(keypoints, visibles, strict=True):
            for frame, seen in zip(keypoint, visible, strict=True):
                if not (seen[0] and seen[1] and seen[2]):
                    continue
                hip = (frame[1] + frame[2]) / 2
                size = np.sqrt(((frame[0] - hip) ** 2).sum())
                for joint in range(5):
                    if seen[joint]:
                        sums[joint] += (frame[joint] - hip) / size
                        counts[joint] += 1
        found = mean_visible_pose(keypoints, visibles, self.root, self.torso)
        np.testing.assert_allclose(found, sums / counts[:, None])

    def test_place_and_size_do_not_matter(self):
        rng = np.random.default_rng(0)
        keypoint = rng.normal(size=(4, 5, 2))
        visible = np.ones((4, 5), dtype=bool)
        moved = 9 * keypoint + [3, -7]
        one, other = (
            mean_visible_pose([k], [visible], self.root, self.torso)
            for k in (keypoint, moved)
        )
        np.testing.assert_allclose(one, other)

    def test_joint_never_seen_is_named(self):
        visible = np.ones((4, 5), dtype=bool)
        visible[:, 3] = False
        keypoint = np.random.default_rng(0).normal(size=(4, 5, 2))
        with pytest.raises(ValueError, match=r'joints \[3\]'):
            mean_visible_pose([keypoint], [visible], self.root, self.torso)


def test_memory_grows_with_the_frames_and_not_their_square():
    frames = 6000
    rng = np.random.default_rng(0)
    keypoint = rng.normal(size=(frames, 5, 2))
    visible = np.ones((frames, 5), bool)
    visible[:100] = visible[-100:] = False
    tracemalloc.start()
    filled = fill_invisible_joints(keypoint, visible, PAIRS, keypoint[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(filled[0], keypoint[100])
    np.testing.assert_array_equal(filled[-1], keypoint[-101])
    # Of all frames, the positions are 0.5 MB and a square table is 288 MB.
    assert peak < 20e6
