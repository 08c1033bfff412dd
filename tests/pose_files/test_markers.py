"""C3D and TRC, of markers that UI-PRMD recorded with Vicon (ODC PDDL)."""

import sys
from pathlib import Path

import numpy as np
import pytest
from motion_writers import write_c3d, write_trc

from masa.datasets import AnnotationError
from masa.datasets.skeletons import PLUG_IN_GAIT_39
from masa.datasets.transforms.body_joints import find_body_joints
from masa.pose_files import read_pose_file

MARKERS = PLUG_IN_GAIT_39['joints']
WRITERS = dict(c3d=write_c3d, trc=write_trc)
CENTERS = [
    [f'{s}{name}' for name in names.split() for s in 'LR']
    for names in ('SJC EJC WJC HJC KJC AJC', 'CLO HUO RAO FEP FEO TIO')
]


@pytest.fixture(scope='module')
def points():
    """A squat, (48, 39, 3) in mm, z up; the last marker lost at the end."""
    with np.load(Path(__file__).with_name('ui_prmd_squats.npz')) as squats:
        points = squats['squat_1'].astype(np.float64) * 1000
    points[40:, -1] = np.nan
    return points


@pytest.fixture(params=['c3d', 'trc'])
def write(request, tmp_path):
    if request.param == 'c3d':
        pytest.importorskip('ezc3d', reason='needs the extra "formats"')

    def make(labels, points, **options):
        path = tmp_path / f'a.{request.param}'
        return WRITERS[request.param](path, labels, points, **options)

    return make


@pytest.mark.parametrize('subject', ['', 'Ann:', '2026_KUO_'])
def test_plug_in_gait(write, points, subject):
    # In another order, and more than Plug-in Gait's.
    order = np.random.default_rng(0).permutation(39)
    labels = [f'{subject}{MARKERS[i]}' for i in order]
    more = np.concatenate([points[:, order], points[:, :1]], axis=1)
    path = write([*labels, f'{subject}STICK'], more)
    sequence = read_pose_file(path)
    up_axis = 'y' if path.suffix == '.trc' else 'z'
    assert sequence.skeleton == PLUG_IN_GAIT_39 | dict(up_axis=up_axis)
    assert sequence.frame_rate == 50
    assert sequence.timestamps is None
    np.testing.assert_allclose(sequence.keypoint[0], points / 1000, atol=1e-6)
    keypoint, score = sequence.person(1, 0.5, path)
    assert (score == 0).sum() == 8
    assert np.isnan(keypoint[40:, -1]).all()


@pytest.mark.parametrize(
    ('unit', 'scale'), [('m', 1), ('cm', 0.01), ('furlong', 1)]
)
def test_units_and_a_single_frame(write, points, unit, scale):
    for frames in (1, 3):
        path = write(MARKERS, points[:frames], unit=unit)
        found = read_pose_file(path).keypoint[0]
        np.testing.assert_allclose(found, points[:frames] * scale, rtol=1e-5)


@pytest.mark.parametrize('names', CENTERS)
def test_joint_centers(write, points, names):
    labels = [*MARKERS, *names]
    centers = np.random.default_rng(0).uniform(100, 900, (len(points), 12, 3))
    path = write(labels, np.concatenate([points, centers], axis=1))
    sequence = read_pose_file(path)
    joints = sequence.skeleton['joints']
    assert joints[:4] == MARKERS[:4]
    assert joints[4:6] == ['left_shoulder', 'right_shoulder']
    assert [4, 5] in sequence.skeleton['flip_pairs']
    np.testing.assert_allclose(
        sequence.keypoint[0, :, 4:], centers / 1000, atol=1e-6
    )
    assert all(find_body_joints(joints).values())


@pytest.mark.parametrize(
    'names',
    [
        # Rajagopal's model of OpenSim.
        'C7 {S}ACR {S}ASI {S}PSI {S}LFC {S}LEL {S}FAradius {S}FAulna {S}LMAL',
        # Gait2392's.
        'Sternum Top.Head {S}.Acromium {S}.ASIS {S}.PSIS {S}.Knee.Lat '
        '{S}.Ankle.Lat',
        # OpenCap's and Pose2Sim's, which are joints.
        'Neck {S}Shoulder {S}Elbow {S}Wrist midHip {S}Hip {S}Knee {S}Ankle',
    ],
)
def test_other_markers(write, names):
    labels = [
        name.format(S=side)
        for name in names.split()
        for side in ('LR' if '{S}' in name else ' ')
    ]
    points = np.random.default_rng(0).uniform(1, 9, (4, len(labels), 3))
    sequence = read_pose_file(write(labels, points))
    joints = sequence.skeleton['joints']
    assert len(joints) == len(labels)
    np.testing.assert_allclose(sequence.keypoint[0], points / 1000, atol=1e-6)
    pairs = sorted(map(sorted, sequence.skeleton['flip_pairs']))
    assert len(pairs) == names.count('{S}')
    assert all('L' in labels[a] and 'R' in labels[b] for a, b in pairs)
    body = find_body_joints(joints)
    for part in ('shoulder', 'hip', 'knee', 'ankle'):
        for side, s in (('left', 'L'), ('right', 'R')):
            found = [labels[i] for i in body[f'{side}_{part}']]
            assert found
            assert all(one.startswith(s) for one in found)
    assert len(sequence.skeleton['torso'][0]) == 2
    assert sequence.skeleton['bones']
    # Two or four markers on the pelvis, none on the knees.
    assert len(sequence.skeleton['root']) in (2, 4)


def test_points_of_c3d_that_are_no_markers(tmp_path, points):
    pytest.importorskip('ezc3d', reason='needs the extra "formats"')
    labels = [*(f'Ann:{one}' for one in MARKERS), '*40', 'Ann:LKneeAngles']
    labels += ['Ball:top', *(f'Bob:{one}' for one in MARKERS)]
    three = points[:, [0, 1, 2]]
    both = np.concatenate([points, three, points + 1000], axis=1)
    # An older program's way to say that a point was not found.
    both[5, 0] = 0
    path = write_c3d(
        tmp_path / 'a.c3d', labels, both, up='+Y', ANGLES=['LKneeAngles']
    )
    sequence = read_pose_file(path)
    assert sequence.skeleton == PLUG_IN_GAIT_39 | dict(up_axis='y')
    assert sequence.keypoint.shape == (2, 48, 39, 3)
    np.testing.assert_allclose(
        sequence.keypoint[1], points / 1000 + 1, atol=1e-6
    )
    assert np.isnan(sequence.keypoint[0, 5, 0]).all()
    path = write_c3d(
        tmp_path / 'b.c3d',
        ['LASI', 'RASI', 'LKneeAngles'],
        three,
        ANGLES=['LKneeAngles'],
    )
    assert read_pose_file(path).skeleton['joints'] == ['LASI', 'RASI']
    # There are more labels than a parameter can hold.
    many = np.tile(points, (1, 8, 1))
    path = write_c3d(tmp_path / 'c.c3d', [f'm{i}' for i in range(312)], many)
    assert read_pose_file(path).skeleton['joints'][-1] == 'm311'


def test_damaged_c3d(tmp_path, points):
    pytest.importorskip('ezc3d', reason='needs the extra "formats"')
    path = write_c3d(tmp_path / 'a.c3d', MARKERS, points)
    whole = path.read_bytes()
    header = bytearray(whole)
    header[9] = 1
    for damaged in (
        *(whole[:n] for n in (3, 300, 600, len(whole) // 2, len(whole) - 999)),
        bytes(header),
    ):
        path.write_bytes(damaged)
        with pytest.raises(AnnotationError, match=r'a\.c3d'):
            read_pose_file(path)
    for labels, part in ((['*1'], points[:, :1]), (MARKERS, points * np.nan)):
        with pytest.raises(AnnotationError, match=r'a\.c3d'):
            read_pose_file(write_c3d(path, labels, part))


def test_c3d_without_ezc3d(tmp_path, points, monkeypatch):
    pytest.importorskip('ezc3d', reason='needs the extra "formats"')
    path = write_c3d(tmp_path / 'a.c3d', MARKERS, points)
    monkeypatch.setitem(sys.modules, 'ezc3d', None)
    with pytest.raises(ImportError, match=r'C3D.*\[formats\]'):
        read_pose_file(path)


def test_time_stamps_of_trc(tmp_path, points):
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 48)).round(5)
    path = write_trc(tmp_path / 'a.trc', MARKERS, points, times=times)
    sequence = read_pose_file(path)
    assert sequence.frame_rate is None
    np.testing.assert_array_equal(sequence.timestamps, times)


def change(line, old, new):
    def apply(lines):
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        return lines

    return apply


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda lines: lines[:4], ['4 lines']),
        (lambda lines: lines[:-1], ['NumFrames', '48', '47']),
        (change(3, '39', '38'), ['NumMarkers', '38', '39']),
        (change(2, 'NumFrames', 'N'), ['NumFrames', 'missing']),
        (change(4, 'Frame#', 'Frames'), ['line 4', 'Frame#']),
        (change(4, 'RFHD', 'LFHD'), ['line 4', 'LFHD']),
        (change(10, '0.', 'x.'), ['line 10']),
        (change(10, '\t0.', '\t9.'), ['increase', '9']),
        (lambda lines: [*lines[:-1], lines[-1] + '\t1'], ['line 54']),
    ],
)
def test_damaged_trc(damage, words, tmp_path, points):
    path = write_trc(tmp_path / 'a.trc', MARKERS, points)
    path.write_text('\n'.join(damage(path.read_text().split('\n'))))
    with pytest.raises(AnnotationError) as error:
        read_pose_file(path)
    for word in (str(path), *words):
        assert word in str(error.value)
