import json

import numpy as np
import pytest
from ikea_files import (
    BODY_17,
    TEST,
    TRAIN,
    length,
    write_bodies,
    write_features,
    write_ikea,
    write_pose2d,
    write_pose3d,
)
from tiny_demo import masa_command

from masa.datasets import load_annotations
from masa.datasets.skeletons import COCO_17, H36M_17, KINECT_25, OPENPOSE_25

main = masa_command('convert', 'ikea')


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / 'ANU ikea'
    write_ikea(folder)
    return folder


def run(root, *arguments):
    output = root.parent / 'ikea.npz'
    code = main(
        list(map(str, [root / 'gt_segments.json', output, *arguments]))
    )
    return code, output


def load(output):
    annotations = load_annotations(output)
    return annotations, {r['frame_dir']: r for r in annotations['annotations']}


def test_triangulated_poses(root, capsys):
    code, output = run(root, '--poses', 'pose3d', root)
    assert code == 0
    annotations, found = load(output)
    assert annotations['split'] == dict(train=TRAIN, test=TEST)
    assert annotations['activities'] == ['Kallax_Shelf_Drawer']
    names = annotations['phases']['Kallax_Shelf_Drawer']
    assert len(names) == len(set(names)) == 17
    record = found[TRAIN[0]]
    assert record['total_frames'] == 20
    assert [names[i] for i in record['phase'][[0, 4, 5, 10, 14, 15]]] == [
        'pick up side panel',
        'pick up side panel',
        'attach drawer side panel',
        'NA',
        'NA',
        'other',
    ]
    assert record['keypoint'].shape == (1, 20, 17, 3)
    seen = record['keypoint_score'][0]
    assert seen[::3].all()
    assert not seen[1::3].any()
    path = root / TRAIN[0] / 'dev3/pose3d/000003.json'
    values = json.loads(path.read_text())['pose_keypoints_3d']
    np.testing.assert_allclose(
        record['keypoint'][0, 3],
        np.reshape(values, (17, 4))[:, :3],
        rtol=1e-5,
    )
    # Between two poses: interpolated.
    np.testing.assert_allclose(
        record['keypoint'][0, 1],
        (2 * record['keypoint'][0, 0] + record['keypoint'][0, 3]) / 3,
        rtol=1e-4,
        atol=1e-4,
    )
    printed = capsys.readouterr().out
    assert 'frames have no pose' in printed


def test_most_confident_person_of_the_image(root):
    folder = root / TRAIN[0] / 'dev3/predictions/pose2d/keypoint_rcnn_ft'
    write_pose2d(folder, 7, [])
    code, output = run(root, '--poses', 'pose2d', root)
    assert code == 0
    record = load(output)[1][TRAIN[0]]
    assert record['keypoint'].shape == (1, 20, 17, 2)
    np.testing.assert_allclose(
        record['keypoint'][0].mean(0), BODY_17[:, :2], atol=5
    )
    assert not record['keypoint_score'][0, 7].any()
    assert record['keypoint_score'][0, 8].all()


def test_body_model(root, tmp_path):
    write_bodies(tmp_path / 'bodies')
    path = tmp_path / 'bodies' / f'{TRAIN[1]}.npy'
    joints = np.load(path)
    joints[4] = np.nan
    # A frame more than the labels have.
    np.save(path, np.concatenate([joints, joints[-1:]]))
    code, output = run(
        root,
        *('--poses', 'bodies', tmp_path / 'bodies'),
        *('--skeleton', 'OPENPOSE_25', '--val-share', '0.25'),
    )
    assert code == 0
    annotations, found = load(output)
    assert {k: len(v) for k, v in annotations['split'].items()} == dict(
        train=6, val=2, test=2
    )
    assert annotations['skeleton'] == OPENPOSE_25
    record = found[TRAIN[1]]
    assert record['keypoint'].shape == (1, length(1), 25, 3)
    assert not record['keypoint_score'][0, 4].any()
    assert record['keypoint_score'][0, 5:].all()


def test_layout_of_25_joints_is_what_the_user_says(root, tmp_path):
    write_bodies(tmp_path / 'bodies')
    bodies = ('--poses', 'bodies', tmp_path / 'bodies')
    code, output = run(root, *bodies, '--skeleton', 'KINECT_25')
    assert code == 0
    assert load(output)[0]['skeleton'] == KINECT_25


def set_format(root, value):
    for path in root.glob('*/*/dev3/pose3d/*.json'):
        change_json(path, lambda content: dict(content, format=value))


def test_layout_of_a_file_that_does_not_tell_is_asked_for(root, capsys):
    set_format(root, None)
    code, output = run(root, '--poses', 'pose3d', root)
    assert code == 2
    error = capsys.readouterr().err
    for word in ('000000.json', '--skeleton', 'COCO_17', 'H36M_17'):
        assert word in error
    assert not output.exists()
    code, output = run(
        root, '--poses', 'pose3d', root, '--skeleton', 'H36M_17'
    )
    assert code == 0
    assert load(output)[0]['skeleton'] == H36M_17


def test_layout_that_a_file_contradicts(root, capsys):
    code, _ = run(root, '--poses', 'pose3d', root, '--skeleton', 'H36M_17')
    assert code == 2
    assert 'COCO_17' in capsys.readouterr().err


def test_layout_of_a_method_that_is_not_known(root, capsys):
    for path in root.glob('*/*/dev3/predictions/pose2d/keypoint_rcnn_ft'):
        path.rename(path.with_name('mine'))
    mine = ('--poses', 'pose2d', root, '--predictions', 'mine')
    code, _ = run(root, *mine)
    assert code == 2
    assert '--skeleton' in capsys.readouterr().err
    code, output = run(root, *mine, '--skeleton', 'COCO_17')
    assert code == 0
    assert load(output)[0]['skeleton'] == COCO_17


def test_features_alone(root, tmp_path, capsys):
    write_features(tmp_path / 'features', more=2)
    code, output = run(root, '--features', tmp_path / 'features')
    assert code == 0
    annotations, found = load(output)
    record = found[TEST[1]]
    assert 'skeleton' not in annotations
    assert 'keypoint' not in record
    assert record['feature_path'] == f'{TEST[1]}.npy'
    assert record['total_frames'] == length(1) + 2
    assert record['phase'][-3:].tolist() == [16, -1, -1]
    assert '10 sequences have some frames more' in capsys.readouterr().out


def test_features_and_poses(root, tmp_path):
    write_features(tmp_path / 'features', more=-1)
    code, output = run(
        root,
        *('--features', tmp_path / 'features', '--poses', 'pose3d', root),
    )
    assert code == 0
    record = load(output)[1][TRAIN[2]]
    assert record['keypoint'].shape[1] == record['total_frames'] == 21


def test_no_action_may_be_unknown(root):
    _, output = run(root, '--poses', 'pose3d', root, '--na', 'unknown')
    phase = load(output)[1][TRAIN[0]]['phase']
    assert phase[10:15].tolist() == [-1] * 5
    assert (phase[:10] > 0).all()


def test_frames_between_segments_are_without_action(root):
    path = root / 'gt_segments.json'
    content = json.loads(path.read_text())
    # The official file leaves out actions of a single frame.
    content['database'][TRAIN[0]]['annotation'][0]['segment'] = [2, 4]
    content['database'][TRAIN[0]]['annotation'][1]['label'] = 'flip table'
    path.write_text(json.dumps(content))
    _, output = run(root, '--poses', 'pose3d', root)
    phase = load(output)[1][TRAIN[0]]['phase']
    assert phase[:3].tolist() == [0, 0, 12]
    assert phase[5] == 16


def test_foreign_actions_are_reported(root, capsys):
    path = root / 'gt_segments.json'
    path.write_text(path.read_text().replace('attach drawer side', 'spin'))
    run(root, '--poses', 'pose3d', root)
    assert '10 segments are actions of other' in capsys.readouterr().out


def test_assembly_without_a_person_is_left_out(root, capsys):
    for path in (root / TRAIN[0] / 'dev3/pose3d').iterdir():
        path.unlink()
    write_pose3d(root / TRAIN[0] / 'dev3/pose3d', 0, BODY_17, 0.0)
    code, output = run(root, '--poses', 'pose3d', root)
    assert code == 0
    assert TRAIN[0] not in load(output)[1]
    assert f'ever seen: {TRAIN[0]}' in capsys.readouterr().out


def change_json(path, change):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def spoil_first_segment(content):
    content['database'][TRAIN[0]]['annotation'][0]['segment'] = [5, 2]
    return content


@pytest.mark.parametrize(
    ('file', 'change', 'message'),
    [
        ('gt_segments.json', lambda c: [], "to hold 'database'"),
        ('gt_segments.json', lambda c: dict(database={}), 'has no scans of'),
        ('gt_segments.json', spoil_first_segment, f'{TRAIN[0]}: segments'),
        (
            'gt_segments.json',
            lambda c: dict(database={TRAIN[0]: dict(subset='training')}),
            f"{TRAIN[0]}: expected a 'subset'",
        ),
        (
            'gt_segments.json',
            lambda c: dict(
                database={TRAIN[0]: dict(subset='training', annotation=[])}
            ),
            'but found none',
        ),
        (
            f'{TRAIN[1]}/dev3/pose3d/000003.json',
            lambda c: dict(c, pose_keypoints_3d=[1.0] * 21),
            '000003.json is expected to hold 4 numbers',
        ),
        (
            f'{TRAIN[1]}/dev3/pose3d/000003.json',
            lambda c: dict(c, pose_keypoints_3d=[1.0] * 100),
            '17 joints of COCO_17, but holds 100',
        ),
        (
            f'{TRAIN[1]}/dev3/pose3d/000003.json',
            lambda c: dict(people=[]),
            "000003.json is expected to hold 'pose_keypoints_3d'",
        ),
    ],
)
def test_what_is_wrong_is_named(root, file, change, message, capsys):
    change_json(root / file, change)
    code, output = run(root, '--poses', 'pose3d', root)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_missing_poses_are_named(root, capsys):
    code, _ = run(root, '--poses', 'pose3d', root, '--camera', 'dev1')
    assert code == 2
    error = capsys.readouterr().err
    assert 'dev1/pose3d' in error
    assert '000000.json' in error


def test_other_lengths_are_named_with_both(root, tmp_path, capsys):
    write_features(tmp_path / 'features', more=9)
    code, _ = run(root, '--features', tmp_path / 'features')
    assert code == 2
    assert 'has 29 frames, but the action segments 20' in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.zeros((20, 17, 3)), '(frames, 25, 3), the joints of OPENPOSE_25'),
        (np.zeros((40, 25, 3)), 'has 40 frames, but the action segments 20'),
        (None, 'cannot be read'),
    ],
)
def test_wrong_bodies_are_named(array, message, root, tmp_path, capsys):
    write_bodies(tmp_path / 'bodies')
    path = tmp_path / 'bodies' / f'{TRAIN[0]}.npy'
    if array is None:
        path.unlink()
    else:
        np.save(path, array)
    bodies = ('--poses', 'bodies', tmp_path / 'bodies')
    code, _ = run(root, *bodies, '--skeleton', 'OPENPOSE_25')
    assert code == 2
    error = capsys.readouterr().err
    assert message in error
    assert path.name in error


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], '--poses, --features or both'),
        (['--poses', 'pose4d', '.'], 'pose3d, pose2d or bodies'),
        (['--poses', 'pose3d', 'none'], 'there is no folder none'),
        (['--poses', 'bodies', '.'], 'OPENPOSE_25'),
        (['--poses', 'bodies', '.', '--skeleton', 'X'], 'KINECT_25'),
        (['--features', 'none'], 'there is no folder none'),
        (['--features', '.', '--val-share', '2'], '[0, 1)'),
    ],
)
def test_wrong_argument(arguments, message, root, capsys):
    with pytest.raises(SystemExit) as error:
        run(root, *arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
