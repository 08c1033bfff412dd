"""What all formats of motion capture and sensors have in common."""

import numpy as np
import pytest
from motion_writers import (
    smpl_squat,
    write_amass,
    write_c3d,
    write_casa,
    write_ntu,
    write_rig,
    write_trc,
)
from squats import squat
from tiny_demo import masa_command

import masa
from masa.datasets import (
    AnnotationError,
    check_annotations,
    load_annotations,
)
from masa.datasets.skeletons import KINECT_25, OPENPOSE_18, PENN_ACTION
from masa.pose_files import find_pose_files, read_pose_sequences
from masa.pose_files.formats import FORMATS
from masa.pose_files.pose_file import PoseFile

JOINTS = PENN_ACTION['joints']
convert_poses = masa_command('convert', 'poses')


def bvh(path, frames):
    return write_rig(path, squat(frames), 'mixamorig:')


def c3d(path, frames):
    # z up, mm.
    body = squat(frames)[..., [0, 2, 1]] * [1000, -1000, 1000]
    return write_c3d(path, JOINTS, body, rate=30.0)


def trc(path, frames):
    return write_trc(path, JOINTS, 1000 * squat(frames), rate=30.0)


def ntu(path, frames):
    body = squat(frames)
    names = KINECT_25['joints']
    joints = np.full((frames, 25, 4), 2.0)
    # What the 13 joints do not have is between the shoulders.
    joints[..., :3] = body[:, [1, 2]].mean(1, keepdims=True)
    joints[:, names.index('spine_base'), :3] = body[:, [7, 8]].mean(1)
    for i, name in enumerate(JOINTS):
        joints[:, names.index(name), :3] = body[:, i]
    return write_ntu(path, [{1: one} for one in joints])


def amass(path, frames):
    return write_amass(path, *smpl_squat(frames), rate=30.0)


def casa(path, frames):
    pose, _ = smpl_squat(frames)
    # From z up to y down.
    pose[:, 0] += np.pi / 2
    return write_casa(path, {path.stem: dict(pose=pose)})


WRITERS = {
    '.bvh': bvh,
    '.c3d': c3d,
    '.trc': trc,
    '.skeleton': ntu,
    '.npz': amass,
    '.npy': casa,
}
# These hold rotations, of other proportions.
ROTATIONS = ('.npz', '.npy')


@pytest.fixture(scope='module')
def model():
    return masa.load(frame_rate=30)


@pytest.fixture(params=WRITERS)
def suffix(request):
    if request.param == '.c3d':
        pytest.importorskip('ezc3d', reason='needs the extra "formats"')
    return request.param


def test_motion_is_aligned(suffix, model, tmp_path):
    paths = [
        WRITERS[suffix](tmp_path / f'{name}{suffix}', frames)
        for name, frames in (('slow', 90), ('fast', 60))
    ]
    slow, fast = model.embed(paths)
    assert (slow.name, fast.name) == ('slow', 'fast')
    for time in (0.8, 1.5, 2.2):
        assert model.align(slow, fast).at(time) == pytest.approx(
            time * 59 / 89, abs=0.15
        )
    if suffix in ROTATIONS:
        return
    record = dict(
        frame_dir='a',
        total_frames=90,
        frame_rate=30.0,
        keypoint=squat(90)[None].astype(np.float32),
        skeleton=PENN_ACTION | dict(up_axis='y'),
    )
    (expected,) = model.embed([record])
    np.testing.assert_allclose(
        slow.embedding,
        expected.embedding,
        atol=0.01 * expected.embedding.std(),
    )


def test_a_file_has_one_format(suffix, tmp_path):
    path = WRITERS[suffix](tmp_path / f'a{suffix}', 3)
    file = PoseFile(path)
    of_suffix = [one for one in FORMATS if suffix in one.suffixes]
    assert [one.recognizes(file) for one in of_suffix].count(True) == 1
    assert [one.paths for one in find_pose_files([tmp_path])] == [[path]]


def test_layouts_that_the_user_says(suffix, tmp_path):
    path = WRITERS[suffix](tmp_path / f'a{suffix}', 3)
    (found,) = read_pose_sequences(path)
    joints = found.skeleton['joints']
    named = dict(joints=[f'joint{i}' for i in range(len(joints))])
    (again,) = read_pose_sequences(path, named)
    assert again.skeleton['joints'] == named['joints']
    np.testing.assert_array_equal(again.keypoint, found.keypoint)
    with pytest.raises(AnnotationError, match='joints') as error:
        read_pose_sequences(path, OPENPOSE_18)
    assert str(path) in str(error.value)


def test_conversion(suffix, tmp_path):
    for name, frames in (('a', 30), ('b', 20)):
        WRITERS[suffix](tmp_path / f'{name}{suffix}', frames)
    output = tmp_path / 'out.pkl'
    assert convert_poses([str(tmp_path), str(output)]) == 0
    annotations = load_annotations(output)
    assert check_annotations(annotations) == []
    assert 'up_axis' in annotations['skeleton']
    for record, frames in zip(
        annotations['annotations'], (30, 20), strict=True
    ):
        assert record['total_frames'] == frames
        assert record['keypoint_score'].all()
        # CASA's files do not say it.
        assert record.get('frame_rate') == (None if suffix == '.npy' else 30)


@pytest.mark.parametrize('other', ['.npy', '.npz'])
def test_arrays_that_are_no_poses(other, tmp_path):
    path = tmp_path / f'a{other}'
    if other == '.npy':
        np.save(path, squat(30))
    else:
        np.savez(path, keypoint=squat(30))
    file = PoseFile(path)
    assert not any(
        one.recognizes(file) for one in FORMATS if other in one.suffixes
    )
