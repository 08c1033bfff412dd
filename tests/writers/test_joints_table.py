import csv

import numpy as np
import pytest
from valid_annotations import make_valid

from masa.cli import main
from masa.datasets import load_annotations, save_annotations
from masa.datasets.errors import AnnotationError
from masa.datasets.skeletons import PENN_ACTION
from masa.pose_files import read_pose_sequences
from masa.writers.joints_table import write_joints


def read(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def record(frames, people=1, axes=3, seed=0, **values):
    rng = np.random.default_rng(seed)
    keypoint = rng.normal(size=(people, frames, 2, axes)).astype(np.float32)
    skeleton = dict(joints=['head', 'left knee'])
    made = dict(frame_dir='val/ä, "b"', total_frames=frames, skeleton=skeleton)
    return made | dict(keypoint=keypoint) | values


@pytest.mark.parametrize('axes', [2, 3])
def test_all_numbers_are_read_back(tmp_path, axes):
    score = np.random.default_rng(1).random((1, 5, 2)).astype(np.float32)
    first = record(5, axes=axes, keypoint_score=score, frame_rate=3)
    second = record(1, axes=axes, seed=2)
    second['frame_dir'] = 'second'
    second['keypoint'][0, 0, 1] = np.nan
    path = tmp_path / 'j.csv'
    assert write_joints(path, [first, second], frame_rate=10) == 6
    *rows, last = read(path)
    names = [
        f'{joint}_{column}'
        for joint in ('head', 'left knee')
        for column in (*'xyz'[:axes], 'score')
    ]
    assert list(last) == ['sequence', 'frame', 'time', *names]
    for t, row in enumerate(rows):
        assert row['sequence'] == first['frame_dir']
        assert int(row['frame']) == t
        assert float(row['time']) == pytest.approx(t / 3, abs=1e-6)
        for i, joint in enumerate(('head', 'left knee')):
            for axis, column in enumerate('xyz'[:axes]):
                expected = first['keypoint'][0, t, i, axis]
                assert np.float32(row[f'{joint}_{column}']) == expected
            assert np.float32(row[f'{joint}_score']) == score[0, t, i]
    assert last['sequence'] == 'second'
    assert last['time'] == '0.0'
    # Missing joints and scores.
    assert [last[name] for name in names[axes + 1 :]] == [''] * (axes + 1)
    assert last['head_score'] == ''


def test_people(tmp_path):
    path = tmp_path / 'j.csv'
    two = record(2, people=2)
    with pytest.raises(AnnotationError, match='--person'):
        write_joints(path, [two])
    with pytest.raises(AnnotationError, match='person 3'):
        write_joints(path, [two], person=3)
    assert not path.exists()
    write_joints(path, [two], person=2)
    expected = two['keypoint'][1, 0, 0, 0]
    assert np.float32(read(path)[0]['head_x']) == expected
    assert 'head_score' not in read(path)[0]
    # Nobody else is there.
    two['keypoint'][0] = 0
    write_joints(path, [two])
    assert np.float32(read(path)[0]['head_x']) == expected


def test_names_of_the_joints_are_needed(tmp_path):
    unnamed = record(2, skeleton=None)
    with pytest.raises(AnnotationError, match='--layout'):
        write_joints(tmp_path / 'j.csv', [unnamed])
    with pytest.raises(AnnotationError, match='2 joints'):
        write_joints(tmp_path / 'j.csv', [unnamed], dict(joints=['head']))
    with pytest.raises(AnnotationError, match='features'):
        write_joints(tmp_path / 'j.csv', [dict(unnamed, keypoint=None)])


def test_command(tmp_path, capsys):
    source, path = tmp_path / 'a.pkl', tmp_path / 'j.csv'
    save_annotations(make_valid(), source)
    records = load_annotations(source)['annotations']
    words = 'convert', 'joints', str(source), str(path)
    assert not main([*words, '--person', '1'])
    rows = read(path)
    assert len(rows) == sum(one['total_frames'] for one in records)
    assert f'{len(rows)} frames' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*words, '--person', '1'])
    with pytest.raises(SystemExit):
        main([*words[:-1], str(tmp_path / 'j.txt')])


@pytest.mark.parametrize('axes', [2, 3])
def test_the_reader_of_tables_reads_what_is_written(tmp_path, axes):
    score = np.random.default_rng(1).uniform(0.1, 1, (1, 5, 13))
    rng = np.random.default_rng(0)
    records = [
        dict(
            frame_dir=f'val/{name}',
            total_frames=5,
            skeleton=PENN_ACTION,
            keypoint=rng.normal(size=(1, 5, 13, axes)).astype(np.float32),
            keypoint_score=score.astype(np.float32),
            frame_rate=10.0,
        )
        for name in 'ab'
    ]
    records[1]['keypoint'][0, 2, 3] = np.nan
    records[1]['keypoint_score'][0, 2, 3] = 0
    path = tmp_path / 'joints.csv'
    write_joints(path, records)
    sequences = read_pose_sequences(path)
    for sequence, expected in zip(sequences, records, strict=True):
        assert sequence.name == expected['frame_dir']
        assert sequence.skeleton == PENN_ACTION
        keypoint, found = sequence.person(1, 0.5, path)
        np.testing.assert_array_equal(
            keypoint.astype(np.float32), expected['keypoint'][0]
        )
        np.testing.assert_array_equal(
            found.astype(np.float32), expected['keypoint_score'][0]
        )
        np.testing.assert_allclose(sequence.timestamps, np.arange(5) / 10)
