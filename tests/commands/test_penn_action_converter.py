import json
import os
from pathlib import Path

import numpy as np
import pytest
from penn_files import write_label_file
from tiny_demo import masa_command

from masa.datasets import SequenceDataset, load_annotations

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get('MASA_SHARED', ROOT.parent / 'shared'))
main = masa_command('convert', 'penn')


@pytest.fixture
def labels(tmp_path):
    folder = tmp_path / 'Penn Action' / 'labels'
    folder.mkdir(parents=True)
    hidden = np.ones((12, 13), dtype=bool)
    hidden[:, 3] = False
    for number in range(1, 13):
        action = ('squat', 'bowl', 'jump_rope')[number % 3]
        write_label_file(
            folder,
            f'{number:04d}',
            action,
            visible=hidden if number % 2 else None,
        )
    return folder


@pytest.fixture
def events(tmp_path):
    path = tmp_path / 'events.json'
    content = dict(
        events=dict(squat=['down', 'up'], bowl=['back']),
        sequences={
            '0003': dict(action='squat', frames=[3, 7]),
            '0004': dict(action='bowl', frames=[5]),
            '0099': dict(action='bowl', frames=[5]),
        },
    )
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_conversion(suffix, labels, events, tmp_path, capsys):
    output = tmp_path / f'penn{suffix}'
    arguments = [labels, output, '--phases', events, '--val-share', '0.25']
    assert main(list(map(str, arguments))) == 0
    annotations = load_annotations(output)
    assert annotations['activities'] == ['bowl', 'squat']
    assert annotations['phases']['squat'] == ['start', 'down', 'up']
    assert {k: len(v) for k, v in annotations['split'].items()} == dict(
        train=6, val=2
    )
    dataset = SequenceDataset(str(output), [], split=['train', 'val'])
    phases = {
        record['frame_dir']: record['phase'].tolist()
        for record in dataset
        if 'phase' in record
    }
    assert phases == {
        '0003': [0] * 3 + [1] * 4 + [2] * 5,
        '0004': [0] * 5 + [1] * 7,
    }
    printed = capsys.readouterr().out
    assert 'bowl' in printed
    assert '1 sequences with phase labels are not among' in printed
    assert 'there is no split "test"' in printed
    assert f'masa check {output}' in printed.replace('\n', ' ')


def test_only_labeled_sequences(labels, events, tmp_path, capsys):
    output = tmp_path / 'penn.pkl'
    arguments = [str(labels), str(output), '--only-labeled']
    with pytest.raises(SystemExit):
        main(arguments)
    assert '--phases' in capsys.readouterr().err
    assert main([*arguments, '--phases', str(events)]) == 0
    records = load_annotations(output)['annotations']
    assert [r['frame_dir'] for r in records] == ['0003', '0004']
    assert all('phase' in r for r in records)


def test_two_runs_write_the_same_bytes(labels, events, tmp_path):
    outputs = [tmp_path / 'one.pkl', tmp_path / 'other.pkl']
    for output in outputs:
        main(
            [
                *(str(labels), str(output), '--phases', str(events)),
                *('--val-share', '0.5', '--seed', '3'),
            ]
        )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_all_activities(labels, tmp_path):
    output = tmp_path / 'penn.pkl'
    assert main([str(labels), str(output), '--activities', 'all']) == 0
    annotations = load_annotations(output)
    assert annotations['activities'] == ['bowl', 'jump_rope', 'squat']
    assert len(annotations['annotations']) == 12


def test_sequence_without_a_visible_joint_is_named(labels, tmp_path, capsys):
    write_label_file(
        labels, '0077', 'squat', visible=np.zeros((12, 13), dtype=bool)
    )
    assert main([str(labels), str(tmp_path / 'penn.pkl')]) == 0
    assert 'ever visible: 0077' in capsys.readouterr().out


def test_official_test_split(labels, tmp_path):
    write_label_file(labels, '0077', 'squat', train=-1)
    output = tmp_path / 'penn.pkl'
    assert main([str(labels), str(output)]) == 0
    splits = load_annotations(output)['split']
    assert list(splits) == ['train', 'test']
    assert splits['test'] == ['0077']


def test_output_is_replaced_only_if_asked_for(labels, tmp_path, capsys):
    output = tmp_path / 'penn.pkl'
    output.write_text('precious')
    with pytest.raises(SystemExit) as error:
        main([str(labels), str(output)])
    assert error.value.code == 2
    assert '--overwrite' in capsys.readouterr().err
    assert output.read_text() == 'precious'
    assert main([str(labels), str(output), '--overwrite']) == 0
    assert load_annotations(output)['split']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{labels}', '{tmp}/out.txt'], '.pkl, .npz or .json'),
        (['{tmp}/none', '{tmp}/out.pkl'], 'there is no folder'),
        (['{labels}', '{tmp}/out.pkl', '--val-share', '1'], '[0, 1)'),
        (['{labels}', '{tmp}/out.pkl', '--val-share', 'nan'], '[0, 1)'),
        (['{labels}', '{tmp}/out.pkl', '--test-share', '-1'], '--test-share'),
        (['{labels}', '{tmp}/out.pkl', '--activities', '14'], 'invalid'),
        (
            ['{labels}', '{tmp}/out.pkl', '--phases', 'a.json', 'b.json'],
            'one JSON file',
        ),
    ],
)
def test_wrong_argument(arguments, message, labels, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        main([a.format(labels=labels, tmp=tmp_path) for a in arguments])
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('out*'))


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda f: (f / '0005.mat').write_bytes(b'x'), '0005.mat'),
        (lambda f: [p.unlink() for p in f.glob('*')], 'holds no *.mat'),
        (
            lambda f: write_label_file(
                f, '0006', 'squat', changes=dict(x=np.full((12, 13), np.nan))
            ),
            '0006.mat: x and y are expected to be finite',
        ),
    ],
)
def test_what_is_wrong_is_named(spoil, message, labels, tmp_path, capsys):
    spoil(labels)
    output = tmp_path / 'out.pkl'
    assert main([str(labels), str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_all_broken_files_are_named(labels, tmp_path, capsys):
    for name in ('0003', '0007'):
        (labels / f'{name}.mat').write_bytes(b'no labels')
    command = [str(labels), str(tmp_path / 'penn.pkl'), '--activities', 'all']
    assert main(command) == 2
    *lines, advice = capsys.readouterr().err.splitlines()
    assert [line[:8] for line in lines[1:]] == ['  0003: ', '  0007: ']
    assert '--skip-broken' in advice
    assert not (tmp_path / 'penn.pkl').exists()
    assert main([*command, '--skip-broken']) == 1
    assert capsys.readouterr().err.splitlines() == lines
    assert len(load_annotations(command[1])['annotations']) == 10


def test_missing_phase_file_is_named(labels, tmp_path, capsys):
    arguments = [labels, tmp_path / 'out.pkl', '--phases', tmp_path / 'x.json']
    assert main(list(map(str, arguments))) == 2
    assert 'x.json' in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(['--help'])
    assert 'Example: masa convert penn' in capsys.readouterr().out


@pytest.mark.realdata
@pytest.mark.skipif(
    not (SHARED / 'penn_action' / 'labels').is_dir(),
    reason=f'no Penn Action labels in {SHARED}',
)
def test_official_labels(tmp_path):
    source = SHARED / 'penn_action'
    output = tmp_path / 'penn.pkl'
    arguments = [
        source / 'labels',
        output,
        *('--phases', source / 'kinematic_phases.json'),
        *('--val-share', 0.2),
    ]
    assert main(list(map(str, arguments))) == 0
    dataset = SequenceDataset(str(output), [], split=['train', 'val'])
    assert len(dataset) == 1171
    assert dataset.lengths.sum() == 83528
    assert len(dataset.metainfo['activities']) == 13
    records = list(dataset)
    assert sum('phase' in record for record in records) == 989
    far, unseen, joints = 0, 0, 0
    for record in records:
        keypoint, visible = record['keypoint'], record['keypoint_score'] > 0
        low, high = keypoint[visible].min(0), keypoint[visible].max(0)
        beyond = np.maximum(low - keypoint, keypoint - high).max(-1)
        far += (beyond > np.linalg.norm(high - low) / 2).sum()
        unseen += (~visible).sum()
        joints += visible.size
    assert 0.2 < unseen / joints < 0.23
    # Legs below the image of an upper body may well be far from it.
    assert far / unseen < 0.02
