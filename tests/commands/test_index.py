from pathlib import Path

import numpy as np
import pytest
from tiny_demo import masa_command

from masa.apis import FrameIndex
from masa.evaluation import SequenceCollection

main = masa_command('index')


def dump(path, names, splits):
    rng = np.random.default_rng(len(names))
    count = len(names)
    collection = SequenceCollection(
        names=names,
        splits=splits,
        labels=[-1] * count,
        activities=[''] * count,
        embeddings=[rng.normal(size=(9 + i, 4)) for i in range(count)],
        phases=[None] * count,
        canonical_times=[None] * count,
        timestamps=[np.arange(9 + i) / 10 for i in range(count)],
    )
    collection.save(path)
    return collection


@pytest.fixture
def dumps(tmp_path):
    paths = [str(tmp_path / name) for name in ('one.npz', 'two.npz')]
    return paths, [
        dump(paths[0], ['a', 'b', 'c'], ['train', 'val', 'val']),
        dump(paths[1], ['d', 'e'], ['val', 'test']),
    ]


def test_dumps_become_one_index(dumps, tmp_path, capsys):
    paths, collections = dumps
    output = tmp_path / 'all.faiss'
    assert main([*paths, str(output)]) == 0
    assert '49 frames of 5 sequences' in capsys.readouterr().out
    index = FrameIndex.load(output)
    assert index.names == list('abcde')
    found = index.search(collections[1].embeddings[0], 1)
    assert (found.sequence == 3).all()
    assert found.frame[:, 0].tolist() == list(range(9))
    assert index.seconds(3, 7) == 0.7


def test_splits_and_kinds_are_chosen(dumps, tmp_path):
    paths, _ = dumps
    output = str(tmp_path / 'some.faiss')
    options = '--split', 'val', 'test', '--factory', 'IVF2,Flat'
    assert main([*paths, output, *options, '--parameters', 'nprobe=2']) == 0
    index = FrameIndex.load(output)
    assert index.names == list('bcde')
    assert not index.is_exact
    assert index.index.nprobe == 2


def test_errors(dumps, tmp_path, capsys):
    paths, _ = dumps
    output = str(tmp_path / 'some.faiss')
    for arguments, message in (
        ([paths[0], paths[0], output], "more than once: ['a', 'b', 'c']"),
        ([paths[0], output, '--split', 'x'], 'expected to hold sequences'),
        ([str(tmp_path / 'none.npz'), output], 'none.npz'),
        ([paths[0], output, '--factory', 'Round'], 'Round'),
        ([paths[0], output, '--parameters', 'speed=3'], 'speed'),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    Path(output).touch()
    for arguments, message in (
        ([paths[0], output], 'exists; --overwrite'),
        ([paths[0], 'index.npy'], 'expected to be .faiss'),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert message in capsys.readouterr().err
