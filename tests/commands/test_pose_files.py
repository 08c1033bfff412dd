import numpy as np
import pytest
from pose_writers import (
    alphapose_entries,
    make_person,
    mmpose_frames,
    write_json,
    write_openpose,
)
from tiny_demo import masa_command

from masa.datasets import SequenceDataset, check_annotations, load_annotations
from masa.datasets.skeletons import COCO_17, OPENPOSE_25

main = masa_command('convert', 'poses')


@pytest.fixture
def folder(tmp_path):
    """Two videos, a large and a small person in each."""
    for name, frames in (('a', 5), ('b', 4)):
        large = make_person(25, frames)
        small = make_person(25, frames, seed=1, size=20)
        write_openpose(tmp_path / 'op', name, [small, large], empty=[1])
    return tmp_path / 'op'


def run(*arguments):
    return main([str(one) for one in arguments])


def test_folder_of_openpose(folder, tmp_path, capsys):
    output = tmp_path / 'all.pkl'
    labels = tmp_path / 'labels.csv'
    labels.write_text('sequence;activity;split\nb;hop;val\na;hop;\n')
    phases = tmp_path / 'phases.csv'
    phases.write_text('sequence,start,end,phase\na,0,0.1,x\na,0.1,0.5,y\n')
    options = '--labels', labels, '--phases', phases, '--frame-rate', 10
    assert run(folder, output, *options) == 0
    annotations = load_annotations(output)
    assert check_annotations(annotations) == []
    assert annotations['split'] == dict(val=['b'], train=['a'])
    assert annotations['skeleton'] == OPENPOSE_25
    assert annotations['phases'] == dict(hop=['x', 'y'])
    record = annotations['annotations'][1]
    assert record['total_frames'] == 5
    assert record['frame_rate'] == 10.0
    assert record['phase'].tolist() == [0, 1, 1, 1, 1]
    assert 'img_shape' not in record
    keypoint, score = make_person(25, 5)
    seen = [0, 2, 3, 4]
    np.testing.assert_allclose(
        record['keypoint'][0, seen], keypoint[seen], rtol=1e-5
    )
    np.testing.assert_allclose(
        record['keypoint_score'][0, seen], score[seen], rtol=1e-5
    )
    # Nobody is there: between the frames before and after.
    assert not record['keypoint_score'][0, 1].any()
    np.testing.assert_allclose(
        record['keypoint'][0, 1], (keypoint[0] + keypoint[2]) / 2, rtol=1e-5
    )
    assert len(SequenceDataset(str(output), [], split='train')) == 1
    printed = capsys.readouterr().out
    assert 'a: 5 frames, found in 4, 25 joints' in printed
    assert 'masa check' in printed
    with pytest.raises(SystemExit):
        run(folder, output)
    assert run(folder, output, '--overwrite', '--person', 2) == 0
    record, _ = load_annotations(output)['annotations']
    keypoint, _ = make_person(25, 5, seed=1, size=20)
    np.testing.assert_allclose(
        record['keypoint'][0, 0], keypoint[0], rtol=1e-5
    )


def test_identities_go_before_tracking(tmp_path):
    first, second = (make_person(17, 6, seed)[0] for seed in (0, 1))
    score = np.ones((6, 17))
    # They change places, which tracking takes for a change of faces.
    for one, other in ((first, second), (second, first)):
        one[3:] = other[:3] + np.linspace(0, 1, 17)[None, :, None]
    entries = alphapose_entries(
        [(first, score), (second, score)], identities=[[4, 5]] * 6
    )
    for entry in entries:
        entry['score'] = 2.0 if entry['idx'] == 4 else 1.0
    path = write_json(tmp_path / 'a.json', entries)
    assert run(path, tmp_path / 'a.pkl') == 0
    (record,) = load_annotations(tmp_path / 'a.pkl')['annotations']
    np.testing.assert_allclose(record['keypoint'][0], first, rtol=1e-5)


def test_layout_by_name(tmp_path, capsys):
    path = write_json(tmp_path / 'a.json', mmpose_frames([make_person(13, 3)]))
    output = tmp_path / 'a.pkl'
    assert run(path, output) == 2
    assert '--layout' in capsys.readouterr().err
    assert run(path, output, '--layout', 'PENN_ACTION') == 0
    assert load_annotations(output)['skeleton']['joints'][0] == 'head'
    assert run(path, output, '--overwrite', '--layout', 'x') == 2
    assert 'COCO_17' in capsys.readouterr().err


def test_what_cannot_be_used(folder, tmp_path, capsys):
    output = tmp_path / 'all.pkl'
    blind = make_person(25, 4)
    write_openpose(folder, 'c', [blind], empty=[0, 1, 2])
    assert run(folder, output) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    assert '--min-found' in error
    assert not output.exists()
    assert run(folder, output, '--skip-broken') == 1
    names = [r['frame_dir'] for r in load_annotations(output)['annotations']]
    assert names == ['a', 'b']
    assert 'left out: c' in capsys.readouterr().err
    options = '--overwrite', '--min-found', 0.2
    assert run(folder, output, *options) == 0
    labels = tmp_path / 'labels.csv'
    labels.write_text('sequence\na\nb\n')
    assert run(folder, output, *options, '--labels', labels) == 2
    assert f'{labels} has no line' in capsys.readouterr().err


def test_layouts_are_not_mixed(folder, tmp_path, capsys):
    path = write_json(
        tmp_path / 'hop.json', mmpose_frames([make_person(17, 3)])
    )
    assert run(folder, path, tmp_path / 'a.pkl') == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert 'OPENPOSE_25' in error
    assert 'COCO_17' in error
    assert run(path, tmp_path / 'a.pkl') == 0
    assert load_annotations(tmp_path / 'a.pkl')['skeleton'] == COCO_17


@pytest.mark.parametrize(
    'options',
    [
        ('a', 'b.txt'),
        ('a', 'b.pkl', '--person', '0'),
        ('a', 'b.pkl', '--min-found', '2'),
        ('a', 'b.pkl', '--frame-rate', '-1'),
    ],
)
def test_wrong_arguments(options):
    with pytest.raises(SystemExit) as error:
        run(*options)
    assert error.value.code == 2
