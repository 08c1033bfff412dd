import csv
import json

import numpy as np
import pytest
from squats import squat, training, turned

from masa.cli import main
from masa.datasets.random_activities.body import BONES, place_joints, pose


@pytest.fixture
def files(tmp_path):
    """Two references and an attempt whose knees are bent less."""
    way = np.sin(np.linspace(0, np.pi, 60))[:, None] ** 2
    bones = np.array(list(BONES.values()))
    made = []
    for name, knee in (('first', 98), ('second', 102), ('attempt', 80)):
        body = way * pose(leg_raise=60, leg_knee=knee, trunk_bend=20)
        made.append(tmp_path / f'{name}.npy')
        np.save(made[-1], place_joints(body, bones).astype(np.float32))
    return made


def run(*words):
    options = '--up-axis', 'y', '--frame-rate', '30'
    return main(['compare', *map(str, words), *options])


def test_compare(files, tmp_path, capsys):
    page, table = tmp_path / 'report.html', tmp_path / 'report.json'
    assert run(*files, '-o', page, '-o', table) == 0
    printed = capsys.readouterr().out
    found = json.loads(table.read_text(encoding='utf-8'))
    assert found['attempt'] == 'attempt'
    assert found['references'] == ['first', 'second']
    assert found['calibrated']
    assert found['score'] > 1.2
    assert all(line in printed for line in found['summary'])
    assert 'knees bent' in printed
    assert f'{page}: ' in printed
    assert 'knees bent' in page.read_text(encoding='utf-8')


def test_without_an_output_the_answer_is_printed(files, tmp_path, capsys):
    before = set(tmp_path.iterdir())
    assert run(*files) == 0
    assert 'knees bent' in capsys.readouterr().out
    assert set(tmp_path.iterdir()) == before


def test_repetitions_without_times(tmp_path, capsys):
    """They are named by their frames in the recording."""
    recording, places = training(60, 50)
    paths = [tmp_path / 'one.npy', tmp_path / 'many.npy']
    for path, joints in zip(
        paths, (turned(squat(55), 40), recording), strict=True
    ):
        np.save(path, joints.astype(np.float32))
    table = tmp_path / 'report.json'
    words = ['compare', *paths, '--repetitions', '--up-axis', 'y', '-o', table]
    words += ['-o', tmp_path / 'scores.csv']
    assert main(list(map(str, words))) == 0
    printed = capsys.readouterr().out
    found = json.loads(table.read_text(encoding='utf-8'))
    assert len(found) == 2
    for one, (start, end) in zip(found, places, strict=True):
        first, last = (
            one['first_frame'],
            one['first_frame'] + one['frames'] - 1,
        )
        assert first == pytest.approx(start, abs=15)
        assert last == pytest.approx(end, abs=15)
        assert f'frames {first} to {last}' in printed
    with open(tmp_path / 'scores.csv', encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [float(row['score']) for row in rows] == [
        one['score'] for one in found
    ]
    assert [int(row['first frame']) for row in rows] == [
        one['first_frame'] for one in found
    ]
    assert {row['start [s]'] for row in rows} == {''}


def test_one_reference_and_named_attempt(files, tmp_path):
    table = tmp_path / 'report.json'
    assert run(*files[1:], '-o', table) == 0
    assert not json.loads(table.read_text())['calibrated']
    options = '-o', table, '--overwrite', '--attempt', 'second'
    assert run(*files, *options) == 0
    found = json.loads(table.read_text())
    assert found['attempt'] == 'second'
    assert sorted(found['references']) == ['attempt', 'first']


@pytest.mark.parametrize(
    ('outputs', 'number'),
    [(['report.csv'], 3), (['exists.json'], 3), (['report.html'], 1)],
)
def test_wrong_arguments(files, tmp_path, capsys, outputs, number):
    (tmp_path / 'exists.json').touch()
    options = [word for name in outputs for word in ('-o', tmp_path / name)]
    with pytest.raises(SystemExit):
        run(*files[:number], *options)
    assert 'error: ' in capsys.readouterr().err


def test_broken_inputs(files, tmp_path, capsys):
    wrong = tmp_path / 'wrong.npy'
    np.save(wrong, np.ones((4, 13, 3, 2)))
    table = tmp_path / 'report.json'
    assert run(wrong, *files, '-o', table) == 2
    assert 'wrong.npy' in capsys.readouterr().err
    assert not table.exists()
    assert run(wrong, *files, '-o', table, '--skip-broken') == 1
    assert table.exists()
