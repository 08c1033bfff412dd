import numpy as np
import pytest
from motion_writers import write_ntu

from masa.datasets import AnnotationError
from masa.datasets.skeletons import KINECT_25
from masa.pose_files import read_pose_file


def body(frames, sway, seed=0):
    """Positions and tracking states, (T, 25, 4)."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(25, 3)) + sway * rng.normal(size=(frames, 25, 3))
    states = rng.integers(3, size=(frames, 25, 1))
    return np.concatenate([pose.round(6), states], axis=-1)


def test_bodies(tmp_path):
    calm, lively, brief = body(30, 0.1), body(25, 0.5, 1), body(11, 9.0, 2)
    frames = [{} for _ in range(30)]
    for number, one, start in (
        (72057594037931101, calm, 0),
        (72057594037931102, lively, 2),
        (72057594037931103, brief, 4),
    ):
        for t, joints in enumerate(one, start):
            # Nobody is there.
            if t != 3:
                frames[t][number] = joints
    path = write_ntu(tmp_path / 'S001C002P003R002A013.skeleton', frames)
    sequence = read_pose_file(path)
    assert sequence.skeleton == KINECT_25
    assert sequence.frame_rate == 30
    assert sequence.activity == 'A013'
    assert sequence.keypoint.shape == (3, 30, 25, 3)
    for found, score, one, start in zip(
        sequence.keypoint,
        sequence.score,
        (lively, calm, brief),
        (2, 0, 4),
        strict=True,
    ):
        for t in range(30):
            there = start <= t < start + len(one) and t != 3
            if there:
                joints = one[t - start]
                np.testing.assert_allclose(found[t], joints[:, :3], atol=1e-6)
                np.testing.assert_array_equal(score[t], joints[:, 3] / 2)
            else:
                assert np.isnan(found[t]).all()
                assert not score[t].any()
    keypoint, score = sequence.person(2, 0.5, path)
    untracked = calm[0, :, 3] == 0
    assert np.isnan(keypoint[0, untracked]).all()
    assert np.isfinite(keypoint[0, ~untracked]).all()


def test_a_single_frame_and_nobody(tmp_path):
    path = tmp_path / 'a.skeleton'
    sequence = read_pose_file(write_ntu(path, [{1: body(1, 0)[0]}]))
    assert (len(sequence), sequence.activity) == (1, '')
    for frames in ([{}, {}], [{1: body(1, 0)[0] * [1, 1, 1, 0]}], []):
        with pytest.raises(AnnotationError, match=r'a\.skeleton'):
            read_pose_file(write_ntu(path, frames))


def change(line, old, new):
    def apply(lines):
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        return lines

    return apply


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda lines: lines[:40], ['after line 40']),
        (lambda lines: [*lines[:40], lines[40][:50]], ['line 41', 'twelve']),
        (change(1, '3', '4'), ['number of bodies']),
        (change(1, '3', '2'), ['end of the file']),
        (change(2, '1', '2'), ['line 30', 'ten']),
        (change(3, ' 0 ', ' '), ['line 3', 'ten values']),
        (change(4, '25', '20'), ['line 4', '25 joints']),
        (change(5, '0.4', '0.4 7'), ['line 5']),
        (change(5, '250.1', 'x'), ['line 5']),
    ],
)
def test_damage_is_told(damage, words, tmp_path):
    path = write_ntu(
        tmp_path / 'a.skeleton', [{1: one} for one in body(3, 0.1)]
    )
    path.write_text('\n'.join(damage(path.read_text().split('\n'))))
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in (str(path), *words):
        assert word in str(error.value)
