"""AMASS and CASA: rotations of SMPL."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from motion_writers import (
    smpl_squat,
    write_amass,
    write_body_model,
    write_casa,
)
from scipy.linalg import expm
from tiny_demo import masa_command

from masa.datasets import AnnotationError, check_annotations, load_annotations
from masa.datasets.skeletons import COCO_17, SMPL_24
from masa.pose_files import read_pose_file, read_pose_sequences

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get('MASA_SHARED', ROOT.parent / 'shared'))
main = masa_command('convert', 'casa')
# Of SMPL's kinematic tree, as its files have it.
PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14]
PARENTS += [16, 17, 18, 19, 20, 21]
NAMES = SMPL_24['joints']
UPRIGHT = SMPL_24 | dict(up_axis='z')


def random_pose(frames=5, width=72, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, width))


def turn(x, y, z):
    """The matrix of a rotation vector, by its exponential series."""
    return expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))


def place(pose, rest):
    """Joints of a body whose rest pose is (24, 3), one by one."""
    frames = []
    for row in pose:
        whole, places = {}, {}
        for joint, parent in enumerate(PARENTS):
            own = turn(*row[3 * joint : 3 * joint + 3])
            if parent < 0:
                whole[joint], places[joint] = own, rest[0]
                continue
            whole[joint] = whole[parent] @ own
            bone = rest[joint] - rest[parent]
            places[joint] = places[parent] + whole[parent] @ bone
        frames.append([places[joint] for joint in range(24)])
    return np.array(frames)


@pytest.fixture(scope='module')
def rest(tmp_path_factory):
    """The average body, (24, 3): that of a file without rotations."""
    path = tmp_path_factory.mktemp('rest') / 'rest.npz'
    write_amass(path, np.zeros((1, 72)), np.zeros((1, 3)))
    return read_pose_file(path).keypoint[0, 0]


def test_average_body(rest):
    at = dict(zip(NAMES, rest, strict=True))
    left = [NAMES.index(name) for name in NAMES if name.startswith('left')]
    right = [NAMES.index(NAMES[i].replace('left', 'right')) for i in left]
    np.testing.assert_allclose(rest[left] * [-1, 1, 1], rest[right])
    # Spread arms, x to the left, y up, feet to the front, about 1.6 m tall.
    assert (rest[left, 0] > 0).all()
    assert at['left_foot'][2] > at['left_ankle'][2]
    assert at['head'][1] > at['neck'][1] > at['pelvis'][1] > at['left_hip'][1]
    assert at['left_wrist'][1] == at['left_shoulder'][1]
    assert 1.3 < at['head'][1] - at['left_foot'][1] < 1.5


@pytest.mark.parametrize('frames', [1, 6])
def test_amass(frames, rest, tmp_path):
    pose, trans = random_pose(frames), random_pose(frames, 3, 1)
    expected = place(pose, rest) + trans[:, None]
    path = write_amass(tmp_path / 'a.npz', pose, trans, 60.0)
    found = read_pose_file(path)
    assert found.skeleton == UPRIGHT
    assert found.frame_rate == 60
    np.testing.assert_allclose(found.keypoint[0], expected, atol=1e-12)
    # SMPL-X of AMASS, with what only a pickle can hold.
    path = write_amass(
        tmp_path / 'b.npz',
        pose,
        trans,
        poses=np.pad(pose[:, :66], ((0, 0), (0, 99))),
        mocap_framerate=None,
        mocap_frame_rate=np.array([120.0]),
        markers_latent_vids=np.array(dict(a=1), dtype=object),
    )
    found = read_pose_file(path)
    assert found.frame_rate == 120
    np.testing.assert_allclose(found.keypoint[0], expected, atol=1e-12)
    # Parts, without a frame rate.
    path = write_amass(
        tmp_path / 'c.npz',
        pose,
        trans,
        poses=None,
        root_orient=pose[:, :3],
        pose_body=pose[:, 3:66],
        mocap_framerate=None,
    )
    found = read_pose_file(path)
    assert found.frame_rate is None
    np.testing.assert_allclose(found.keypoint[0], expected, atol=1e-12)


def test_body_model(rest, tmp_path):
    model = write_body_model(tmp_path / 'SMPLX_TINY.npz')
    pose, trans = random_pose(), random_pose(5, 3, 1)
    betas = np.random.default_rng(2).normal(size=16)
    path = write_amass(tmp_path / 'a.npz', pose, trans, betas=betas)
    (found,) = read_pose_sequences(path, body_model=model)
    with np.load(model) as fields:
        shaped = fields['v_template'] + fields['shapedirs'] @ betas[:10]
        own = np.zeros((24, 3))
        own[:22] = (fields['J_regressor'] @ shaped)[:22]
    # The hands are those of the average body.
    for hand, wrist in ((22, 20), (23, 21)):
        own[hand] = own[wrist] + rest[hand] - rest[wrist]
    np.testing.assert_allclose(
        found.keypoint[0], place(pose, own) + trans[:, None], atol=1e-12
    )
    for broken in (tmp_path / 'none.npz', path):
        with pytest.raises(AnnotationError, match=broken.name):
            read_pose_sequences(path, body_model=broken)


def test_frames_that_are_missing(tmp_path):
    pose, trans = smpl_squat(6)
    pose[2, 5] = np.nan
    trans[4] = np.nan
    path = write_amass(tmp_path / 'a.npz', pose, trans)
    found = np.isfinite(read_pose_file(path).keypoint[0]).all((1, 2))
    assert found.tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ('more', 'words'),
    [
        (dict(poses=np.zeros((4, 100))), ['poses', '156', '100']),
        (dict(poses=np.zeros(72)), ['poses', '(72,)']),
        (dict(poses=np.array(['x'] * 4)), ['poses', 'numbers']),
        (dict(poses=np.array(dict(), dtype=object)), ['poses', 'objects']),
        (dict(trans=np.zeros((3, 3))), ['trans', '(4, 3)', '(3, 3)']),
        (dict(betas=np.array('x')), ['betas']),
        (dict(mocap_framerate=0.0), ['mocap_framerate', '0']),
        (dict(mocap_framerate='x'), ['mocap_framerate']),
        (dict(trans=np.full((4, 3), np.nan)), ['no joint']),
        (
            dict(
                poses=None,
                root_orient=np.zeros((4, 3)),
                pose_body=np.zeros((4, 60)),
            ),
            ['pose_body', '63', '60'],
        ),
    ],
)
def test_what_is_wrong_with_amass(more, words, tmp_path):
    pose, trans = smpl_squat(4)
    content = dict(trans=trans) | more
    path = write_amass(tmp_path / 'a.npz', pose, **content)
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def casa_entry(frames, seed=0, phases=3):
    return dict(
        beta=np.zeros((frames, 10)),
        pose=random_pose(frames, seed=seed),
        labels=np.arange(frames) * phases // frames,
    )


def test_casa(rest, tmp_path):
    entries = {'0789': casa_entry(9), '0793': casa_entry(7, 1)}
    path = write_casa(tmp_path / 'golf_swing_val.npy', entries)
    first, second = read_pose_sequences(path)
    assert (first.name, second.name) == ('0789', '0793')
    assert first.activity == 'golf_swing'
    assert first.skeleton == SMPL_24 | dict(up_axis='-y')
    assert first.fields['phase'].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_allclose(
        second.keypoint[0], place(entries['0793']['pose'], rest), atol=1e-12
    )


def test_joints_of_casa(tmp_path):
    joints = random_pose(6, 51).reshape(6, 17, 3)
    path = write_casa(tmp_path / 'kallax.npy', {'a': dict(pose=joints)})
    found = read_pose_file(path)
    assert (found.skeleton, found.activity) == (COCO_17, '')
    assert found.fields == {}
    np.testing.assert_array_equal(found.keypoint[0], joints)
    write_casa(path, {'a': dict(pose=joints[:, :5])})
    with pytest.raises(AnnotationError, match=r'kallax\.npy, sequence a'):
        read_pose_file(path)


class Evil:
    def __reduce__(self):
        return os.system, ('false',)


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({}, ['dict']),
        ('x', ['dict', 'str']),
        (np.array([dict()]), ['known format']),
        ({'a': [1]}, ['sequence a', 'pose']),
        ({'a': dict(labels=[0])}, ['sequence a', 'pose']),
        ({'a': dict(pose=np.zeros((4, 102)))}, ['MANO', '(4, 102)']),
        ({'a': dict(pose=np.zeros((4, 60)))}, ['(4, 60)']),
        ({'a': dict(pose=np.zeros((4, 17, 2)))}, ['(4, 17, 2)']),
        ({'a': dict(pose=['x'])}, ['pose', 'numbers']),
        ({'a': casa_entry(4) | dict(labels=np.zeros(3))}, ['4', '(3,)']),
        ({'a': casa_entry(4) | dict(labels=np.full(4, 0.5))}, ['whole']),
        ({'a': Evil()}, ['system']),
    ],
)
def test_what_is_wrong_with_casa(content, words, tmp_path):
    path = write_casa(tmp_path / 'golf_swing_train.npy', content)
    with pytest.raises(AnnotationError) as error:
        read_pose_sequences(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_casa_cut_off(tmp_path):
    path = write_casa(tmp_path / 'golf_swing_train.npy', {'a': casa_entry(4)})
    whole = path.read_bytes()
    for length in (90, 300, len(whole) - 9):
        path.write_bytes(whole[:length])
        with pytest.raises(AnnotationError, match=r'golf_swing_train\.npy'):
            read_pose_sequences(path)


def test_conversion_of_casa(rest, tmp_path, capsys):
    train = {f'{i}': casa_entry(9 + i, i) for i in range(5)}
    train['4'] = casa_entry(9) | dict(pose=np.full((9, 72), np.nan))
    golf = write_casa(tmp_path / 'golf_swing_train.npy', train)
    other = write_casa(tmp_path / 'pushups_val.npy', {'7': casa_entry(8)})
    output = tmp_path / 'all.pkl'
    assert main([str(golf), str(other), str(output)]) == 0
    annotations = load_annotations(output)
    assert check_annotations(annotations) == []
    assert annotations['split'] == dict(train=['0', '1', '2', '3'], val=['7'])
    assert annotations['activities'] == ['golf_swing', 'pushup']
    assert annotations['skeleton'] == SMPL_24 | dict(up_axis='-y')
    record = annotations['annotations'][1]
    assert record['phase'].tolist() == train['1']['labels'].tolist()
    np.testing.assert_allclose(
        record['keypoint'][0], place(train['1']['pose'], rest), atol=1e-6
    )
    assert 'no joint is found: 4' in capsys.readouterr().out
    arguments = [str(golf), str(output), '--overwrite', '--val-share', '0.25']
    assert main(arguments) == 0
    assert len(load_annotations(output)['split']['val']) == 1


def test_files_of_casa_that_do_not_go_together(tmp_path, capsys):
    golf = write_casa(tmp_path / 'golf_train.npy', {'1': casa_entry(8)})
    same = write_casa(tmp_path / 'golf_val.npy', {'1': casa_entry(8)})
    joints = {'2': dict(pose=np.ones((4, 17, 3)))}
    other = write_casa(tmp_path / 'kallax_val.npy', joints)
    unnamed = write_casa(tmp_path / 'golf.npy', {'1': casa_entry(8)})
    output = tmp_path / 'all.pkl'
    for files in ((golf, same), (golf, other), (unnamed,)):
        assert main([*map(str, files), str(output)]) == 2
        assert str(files[-1]) in capsys.readouterr().err
        assert not output.exists()


def test_a_pickle_is_no_array_of_casa(tmp_path):
    path = tmp_path / 'a.npy'
    for content in (pickle.dumps(1), b''):
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match=r'a\.npy'):
            read_pose_file(path)


@pytest.mark.realdata
@pytest.mark.skipif(
    not (SHARED / 'casa_format').is_dir(), reason="needs CASA's real files"
)
def test_the_real_data(tmp_path):
    output = tmp_path / 'casa.pkl'
    files = sorted((SHARED / 'casa_format').glob('*.npy'))
    assert main([*map(str, files), str(output)]) == 0
    annotations = load_annotations(output)
    assert check_annotations(annotations) == []
    assert len(annotations['annotations']) == 556
    assert annotations['activities'][:2] == ['baseball_swing', 'bench_press']
    for record in annotations['annotations']:
        if record['label'] == annotations['activities'].index('golf_swing'):
            body = record['keypoint'][0]
            # Golfers stand, y down.
            ankle, head = NAMES.index('left_ankle'), NAMES.index('head')
            assert (body[:, ankle, 1] > body[:, head, 1]).mean() > 0.9
