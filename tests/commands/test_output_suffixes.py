"""Suffixes of files in capitals name the same formats."""

import numpy as np
import pytest
from squats import squat, training

from masa.cli import main
from masa.datasets import load_annotations, save_annotations
from masa.datasets.synthetic import make_annotations
from masa.embeddings import SequenceCollection

BODY = ['--layout', 'PENN_ACTION', '--up-axis', 'y', '--frame-rate', '30']


@pytest.mark.parametrize(
    ('command', 'outputs', 'written'),
    [
        (
            'align',
            ['A.HTML', 'A.CSV', 'A.Json', 'A.GIF', 'A.MP4', 'A.ZIP', 'A.SRT'],
            [*['A.HTML', 'A.CSV', 'A.Json', 'A.GIF', 'A.MP4', 'A.ZIP'], 'A'],
        ),
        (
            'find',
            ['F.PNG', 'F.EAF', 'F.LABELSTUDIO.JSON', 'F.SRT'],
            ['F.PNG', 'F.EAF', 'F.LABELSTUDIO.JSON', 'F.SRT'],
        ),
        ('compare', ['C.HTML', 'C.JSON'], ['C.HTML', 'C.JSON']),
        ('embed', ['E.NPZ'], ['E.NPZ']),
    ],
)
def test_outputs_of_commands(tmp_path, monkeypatch, command, outputs, written):
    monkeypatch.chdir(tmp_path)
    np.save('one.npy', squat(60))
    np.save('two.npy', squat(50))
    np.save('many.npy', training(50)[0])
    inputs = 'one.npy', 'two.npy', 'many.npy'
    options = [word for name in outputs for word in ('-o', name)]
    assert main([command, *inputs, *BODY, *options]) == 0
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {*inputs, *written}
    if command == 'embed':
        assert len(SequenceCollection.load('E.NPZ')) == 3
    with pytest.raises(SystemExit):
        main([command, *inputs, *BODY, '-o', 'a.TXT'])


@pytest.mark.parametrize('suffix', ['.PKL', '.NPZ', '.Json'])
def test_annotation_files(tmp_path, suffix):
    made = make_annotations(dict(val=1), 0)
    save_annotations(made, tmp_path / f'a{suffix}')
    assert load_annotations(tmp_path / f'a{suffix}')['split'] == made['split']
