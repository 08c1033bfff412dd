import json

import numpy as np
import pytest
from player_data import data_of
from squats import squat, training

from masa.cli import main

BODY = ['--layout', 'PENN_ACTION', '--up-axis', 'y', '--frame-rate', '30']


@pytest.fixture
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save('one.npy', squat(60))
    np.save('<two>.npy', squat(75))
    np.save('many.npy', training(*[50, 80, 60] * 3)[0])


def page_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


@pytest.mark.usefixtures('_files')
def test_aligned(capsys):
    command = ['align', 'one.npy', '<two>.npy', 'many.npy', *BODY]
    command += ['--method', 'partial', '-o', 'a.html']
    assert main([*command, '-o', 'a.json']) == 0
    assert 'a.html: 3 aligned sequences, ' in capsys.readouterr().out
    data = data_of(page_of('a.html'))
    with open('a.json') as file:
        table = json.load(file)
    assert data['clock'] == 0
    reference = table['reference']
    names = sorted(table['frames'], key=lambda name: name != reference)
    for name, track in zip(names, data['tracks'], strict=True):
        assert track['name'].startswith(name)
        frames = [None if f < 0 else f for f in track['frames']]
        assert frames == table['frames'][name]
        for frame, second in zip(frames, table['seconds'][name], strict=True):
            if frame is not None:
                assert track['times'][frame] == pytest.approx(second, abs=1e-3)
    with pytest.raises(SystemExit):
        main(command)
    assert main([*command, '--overwrite', '--reference', '<two>']) == 0
    first, *_ = data_of(page_of('a.html'))['tracks']
    assert first['name'] == '<two> (reference)'


@pytest.mark.usefixtures('_files')
def test_found(capsys):
    command = ['find', 'one.npy', 'many.npy', *BODY]
    assert main([*command, '-o', 'f.html', '-o', 'f.json']) == 0
    data = data_of(page_of('f.html'))
    with open('f.json') as file:
        table = json.load(file)
    reference, *found = data['tracks']
    assert len(found) == 9
    assert [one['first'] for one in found] == table['first frame']
    for one, start, end, score in zip(
        found,
        table['start [s]'],
        table['end [s]'],
        table['score'],
        strict=True,
    ):
        assert one['times'][0] == pytest.approx(start, abs=1e-3)
        assert one['times'][-1] == pytest.approx(end, abs=1e-3)
        assert float(one['score']) == pytest.approx(score, rel=1e-2)
        assert len(one['frames']) == len(reference['times']) == 60
    # The reference and six more show at first.
    assert [one['shown'] for one in data['tracks']] == [True] * 7 + [False] * 3
    np.save('still.npy', np.load('many.npy')[:35])
    assert main(['find', 'one.npy', 'still.npy', *BODY, '-o', 's.html']) == 0
    assert '0 found in still' in page_of('s.html')
    assert len(data_of(page_of('s.html'))['tracks']) == 1


@pytest.mark.usefixtures('_files')
def test_compared():
    command = ['compare', 'one.npy', '<two>.npy', *BODY, '-o', 'c.html']
    assert main(command) == 0
    page = page_of('c.html')
    assert 'How to read this' in page
    data = data_of(page)
    assert data['clock'] == 1
    assert not data['everywhere']
    assert [len(one['frames']) for one in data['tracks']] == [75, 75]
    command = ['compare', 'one.npy', 'many.npy', '--repetitions', *BODY]
    assert main([*command, '-o', 'r.html']) == 0
    data = data_of(page_of('r.html'))
    reference, *repetitions = data['tracks']
    assert len(repetitions) == 9
    starts = [one['frames'][0] for one in repetitions]
    assert starts == sorted(starts)
    shown = [one for one in repetitions if one['shown']]
    scores = [float(one['score']) for one in repetitions]
    assert reference['shown']
    assert [float(one['score']) for one in shown] == [max(scores)]
