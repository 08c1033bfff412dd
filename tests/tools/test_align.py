import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from masa.apis import AlignmentInferencer, FrameIndex
from masa.datasets import save_annotations
from masa.datasets.synthetic import make_annotations

ROOT = Path(__file__).resolve().parents[2]
main = runpy.run_path(str(ROOT / 'tools' / 'align.py'))['main']


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A work directory and four sequences; the model is random."""
    folder = tmp_path_factory.mktemp('Arbeit für 字')
    made = make_annotations(dict(val=4), 0)
    made['annotations'] = made['annotations'][::10]
    names = [record['frame_dir'] for record in made['annotations']]
    made['split'] = dict(val=names)
    save_annotations(made, folder / 'data.pkl')
    config = Config.fromfile(ROOT / 'configs' / 'masa_demo.py')
    torch.manual_seed(0)
    torch.save(
        dict(
            state_dict=MODELS.build(config.model).state_dict(),
            meta=dict(dataset_meta=dict(skeleton=made['skeleton'])),
        ),
        folder / 'epoch_1.pth',
    )
    (folder / 'last_checkpoint').write_text('elsewhere/epoch_1.pth')
    config.dump(folder / 'masa_demo.py')
    return folder, names, made['annotations']


def run(work, *options):
    folder = work[0]
    return main(
        [
            *(str(folder), str(folder / 'data.pkl'), '--device', 'cpu'),
            *map(str, options),
        ]
    )


def test_matches(work, tmp_path, capsys):
    _, names, records = work
    assert run(work, '--matches', tmp_path / 'm.csv') == 0
    assert '(reference)' in capsys.readouterr().out
    with open(tmp_path / 'm.csv') as file:
        columns, *rows = csv.reader(file)
    assert columns == names
    frames = np.array(rows, dtype=int).T
    assert (np.diff(frames, axis=1) >= 0).all()
    lengths = [record['total_frames'] for record in records]
    assert (frames[:, -1] < lengths).all()
    options = ('--matches', tmp_path / 'm.json', '--reference', names[1])
    assert run(work, *options) == 0
    found = json.loads((tmp_path / 'm.json').read_text())
    assert found['reference'] == names[1]
    assert found['frames'][names[1]] == list(range(lengths[1]))
    assert found['costs'][names[1]] == 0


def test_video(work, tmp_path):
    av = pytest.importorskip('av', reason='needs the extra "features"')
    _, names, records = work
    path = tmp_path / 'a.mp4'
    options = ('--video', path, '--height', '64', '--sequences', *names[:2])
    assert run(work, *options) == 0
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == max(one['total_frames'] for one in records[:2])
    assert run(work, *options, '--overwrite') == 0


def test_retrieval(work, capsys):
    _, names, _ = work
    assert run(work, '--retrieve', f'{names[0]}:5', '-k', '2') == 0
    printed = capsys.readouterr().out
    assert names[0] not in printed
    assert sum(name in printed for name in names) == 2


def test_retrieval_from_an_index(work, tmp_path, capsys):
    folder, names, _ = work
    query = '--retrieve', f'{names[0]}:5'
    assert run(work, *query) == 0
    printed = capsys.readouterr().out
    sequences = AlignmentInferencer(folder, device='cpu').embed(
        folder / 'data.pkl'
    )
    index = FrameIndex(names, [one.embedding for one in sequences])
    index.save(tmp_path / 'a.faiss')
    # The query's own sequence is in the index, and no other is an input.
    alone = '--index', tmp_path / 'a.faiss', '--sequences', names[0]
    assert run(work, *query, *alone) == 0
    assert capsys.readouterr().out == printed
    absent = '--index', tmp_path / 'b.faiss'
    assert run(work, *query, *absent) == 2
    assert 'there is no' in capsys.readouterr().err


def test_labels(work, tmp_path, capsys):
    _, names, records = work
    path = tmp_path / 'labels.csv'
    assert run(work, '--transfer-labels', names[0], '--results', path) == 0
    with open(path) as file:
        rows = list(csv.DictReader(file))
    others = records[1:]
    assert len(rows) == sum(one['total_frames'] for one in others)
    assert {row['sequence'] for row in rows} == set(names[1:])
    phases = {str(phase) for phase in records[0]['phase']}
    assert {row['label'] for row in rows} == phases
    text = tmp_path / 'labels.txt'
    total = records[0]['total_frames']
    lines = 'x\r\n' * (total - 1) + 'ä\r\n\r\n'
    text.write_bytes(lines.encode('utf-16'))
    options = ('--transfer-labels', names[0], '--labels', text)
    assert run(work, *options, '--results', tmp_path / 'l.json') == 0
    found = json.loads((tmp_path / 'l.json').read_text())
    assert set(found['label']) == {'x', 'ä'}
    text.write_text('x\n' * (total - 1))
    assert run(work, *options, '--results', tmp_path / 'm.json') == 2
    error = capsys.readouterr().err
    assert str(text) in error
    assert str(total) in error
    table = tmp_path / 'labels of one.csv'
    table.write_text(
        'sequence,start_frame,end_frame,phase\n'
        f'{names[0]},0,3,x\n{names[0]},4,{total - 1},y\n'
    )
    options = ('--transfer-labels', names[0], '--labels', table)
    assert run(work, *options, '--results', tmp_path / 'n.json') == 0
    found = json.loads((tmp_path / 'n.json').read_text())
    assert set(found['label']) == {'x', 'y'}


def test_anomaly(work, tmp_path, capsys):
    _, names, records = work
    path = tmp_path / 'score.csv'
    assert run(work, '--anomaly', names[0], '--results', path) == 0
    assert f'{names[0]}: median ' in capsys.readouterr().out
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == records[0]['total_frames']
    assert all(float(row['score']) >= 0 for row in rows)


def test_errors(work, tmp_path, capsys):
    _, names, _ = work
    matches = ('--matches', tmp_path / 'm.csv')
    for options, message in (
        ((*matches, '--reference', 'x'), "no sequence 'x'; there are val/"),
        ((*matches, '--sequences', names[0]), 'two sequences are expected'),
        (('--retrieve', f'{names[0]}:9999'), 'no frame 9999'),
    ):
        assert run(work, *options) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'm.csv').exists()
    (tmp_path / 'm.csv').touch()
    for options, message in (
        ((), 'nothing to do'),
        (matches, 'exists; --overwrite'),
        (('--matches', 'a.txt'), 'expected to be .csv or .json'),
        (('--anomaly', 'a'), '--results goes with'),
        (('--retrieve', 'a'), 'expected to be NAME:FRAME'),
        (('--labels', 'a.txt', '--retrieve', 'a:1'), '--labels goes with'),
        (('--index', 'a.faiss', *matches), '--index goes with'),
    ):
        with pytest.raises(SystemExit):
            run(work, *options)
        assert message in capsys.readouterr().err
