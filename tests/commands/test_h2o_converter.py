import json

import numpy as np
import pytest
from h2o_files import FRAMES, hand_pose, write_h2o, write_hand_pose
from tiny_demo import masa_command

from masa.datasets import load_annotations

main = masa_command('convert', 'h2o')


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / 'h2o data'
    write_h2o(folder)
    return folder


def run(root, *arguments, output='h2o.npz'):
    output = root.parent / output
    lists = ('--lists', root / 'action_labels')
    code = main(list(map(str, [root, output, *lists, *arguments])))
    return code, output


def records(output):
    annotations = load_annotations(output)
    return annotations, {r['frame_dir']: r for r in annotations['annotations']}


def test_actions(root):
    code, output = run(root, '--task', 'actions')
    assert code == 0
    annotations, found = records(output)
    assert {k: len(v) for k, v in annotations['split'].items()} == dict(
        train=8, val=4, test=1
    )
    assert annotations['activities'] == ['book', 'milk']
    assert annotations['phases']['milk'] == [
        'grab milk',
        'place milk',
        'open milk',
        'close milk',
        'pour milk',
    ]
    record = found['subject3/k2/1']
    assert record['label'] == 1
    assert record['phase'].tolist() == (
        [1] * 3
        + [-1]
        + [0] * 2
        + [2] * 2
        + [-1]
        + [4] * 3
        + [3] * 3
        + [-1] * 3
    )
    assert record['keypoint'].shape == (1, FRAMES, 42, 3)
    # The official lists do not tell what the test sequences are.
    assert not {'label', 'phase'} & found['subject4/h1/0'].keys()


def test_unseen_hand_has_score_0_and_a_place(root):
    _, output = run(root, '--task', 'actions')
    _, found = records(output)
    record = found['subject1/h1/0']
    score = record['keypoint_score'][0]
    assert score[:2, :21].all()
    assert not score[:2, 21:].any()
    assert score[2:].all()
    right_wrist = record['keypoint'][0, :, 21]
    np.testing.assert_allclose(
        right_wrist[:2], [[0.15, 0, 0.4]] * 2, atol=0.02
    )


def test_hands_are_as_in_the_files(root):
    points = hand_pose(np.random.default_rng(5))
    write_hand_pose(root / 'subject1/h1/0/cam4/hand_pose', 3, points)
    for joints, chosen in (
        ('42', range(42)),
        ('34', [i for i in range(42) if i % 21 not in (7, 11, 15, 19)]),
        ('17', [i for i in range(21, 42) if i - 21 not in (7, 11, 15, 19)]),
    ):
        code, output = run(
            root,
            *('--task', 'actions', '--joints', joints),
            output=f'{joints}.pkl',
        )
        assert code == 0
        annotations, found = records(output)
        assert len(annotations['skeleton']['joints']) == int(joints)
        np.testing.assert_allclose(
            found['subject1/h1/0']['keypoint'][0, 3],
            points.reshape(42, 3)[list(chosen)],
            atol=1e-6,
        )


def test_phases_of_the_official_actions(root):
    code, output = run(root, '--action-phases')
    assert code == 0
    annotations, found = records(output)
    assert annotations['activities'] == ['pouring_milk']
    assert len(annotations['phases']['pouring_milk']) == 10
    assert list(annotations['split']) == ['train', 'val']
    assert sorted(found) == [
        *(f'subject1/h1/{i}' for i in range(4)),
        *(f'subject3/k2/{i}' for i in range(2)),
    ]
    assert found['subject1/h1/0']['phase'].tolist() == (
        [0] * 3 + [1] + [2] * 2 + [4] * 2 + [5] + [6] * 3 + [8] * 3 + [9] * 3
    )


def test_phases_of_a_file(root, capsys):
    path = root / 'events.json'
    entry = dict(action='pouring_milk', frames=[2, 2, 9])
    path.write_text(
        json.dumps(
            dict(
                events=dict(pouring_milk=['a', 'b', 'c']),
                sequences={
                    'subject1/h1/1': entry,
                    'subject4/h1/0': entry,
                    'subject9/h1/0': entry,
                },
            )
        )
    )
    code, output = run(root, '--phases', path)
    assert code == 0
    annotations, found = records(output)
    assert annotations['phases'] == dict(pouring_milk=['start', 'a', 'b', 'c'])
    assert annotations['split']['test'] == ['subject4/h1/0']
    assert found['subject4/h1/0']['phase'].tolist() == (
        [0] * 2 + [2] * 7 + [3] * 9
    )
    assert sum('phase' in record for record in found.values()) == 2
    printed = capsys.readouterr().out.replace('\n', ' ')
    assert '1 sequences of' in printed
    assert 'subject9/h1/0' in printed


def test_phases_must_be_given(root, capsys):
    with pytest.raises(SystemExit) as error:
        run(root)
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert '--phases' in message
    assert 'docs/data.md' in message


def test_missing_subject_is_named(root, capsys):
    (root / 'subject4').rename(root / 'elsewhere')
    code, output = run(root, '--task', 'actions')
    assert code == 0
    assert 'left out: subject4/h1/0' in capsys.readouterr().out
    assert list(load_annotations(output)['split']) == ['train', 'val']


def edit(path, change):
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ('file', 'change', 'message'),
    [
        ('action_labels/action_val.txt', None, 'action_val.txt is expected'),
        (
            'action_labels/action_val.txt',
            lambda text: text.replace('path', 'place'),
            'to have the columns',
        ),
        (
            'action_labels/action_train.txt',
            lambda text: text.replace(' 13 0 2 ', ' 37 0 2 ', 1),
            'action_train.txt, line 2',
        ),
        (
            'action_labels/action_train.txt',
            lambda text: text.replace(' 13 0 2 ', ' 13 0 99 ', 1),
            'action_train.txt, line 2',
        ),
        (
            'action_labels/action_train.txt',
            lambda text: text.replace(' 13 0 2 ', ' 9 0 2 ', 1),
            'subject1/h1/0 is expected to have actions with one object',
        ),
        (
            'action_labels/action_val.txt',
            lambda text: text + '99 subject1/h1/0 5 0 1 0 17\n',
            'subject1/h1/0 is in the split train with 18 frames elsewhere',
        ),
        (
            'subject1/h1/2/cam4/hand_pose/000005.txt',
            None,
            '000005.txt cannot be read',
        ),
        (
            'subject1/h1/2/cam4/hand_pose/000005.txt',
            lambda text: text + '7',
            '= 128 numbers, but holds 129',
        ),
        (
            'subject1/h1/2/cam4/hand_pose/000005.txt',
            lambda text: '2' + text[1:],
            '000005.txt: the flag of a hand is expected to be 0 or 1',
        ),
        (
            'subject1/h1/2/cam4/hand_pose/000005.txt',
            lambda text: text.replace(text.split()[4], 'nan'),
            '000005.txt: the joints of an annotated hand',
        ),
    ],
)
def test_what_is_wrong_is_named(root, file, change, message, capsys):
    if change is None:
        (root / file).unlink()
    else:
        edit(root / file, change)
    code, output = run(root, '--task', 'actions')
    assert code == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_sequence_without_a_hand_is_left_out(root, capsys):
    folder = root / 'subject1/h1/0/cam4/hand_pose'
    for frame in range(FRAMES):
        write_hand_pose(folder, frame, np.ones((2, 21, 3)), (False, False))
    code, output = run(root, '--task', 'actions')
    assert code == 0
    assert 'annotated: subject1/h1/0' in capsys.readouterr().out
    assert 'subject1/h1/0' not in records(output)[1]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--task', 'actions', '--action-phases'], 'go with pouring_milk'),
        (['--task', 'actions', '--joints', '21'], 'invalid choice'),
        (['--task', 'actions', '--lists', 'none'], 'there is no folder none'),
    ],
)
def test_wrong_argument(root, arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        run(root, *arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_missing_phase_file_is_named(root, capsys):
    code, _ = run(root, '--phases', root / 'none.json')
    assert code == 2
    assert 'none.json' in capsys.readouterr().err
