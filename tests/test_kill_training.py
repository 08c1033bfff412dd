import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / 'benchmarks' / 'kill_training.py'

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path('/proc').is_dir(), reason='looks at processes in /proc'
    ),
]


@pytest.fixture(scope='module')
def benchmark():
    spec = importlib.util.spec_from_file_location('kill_training', PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(('workers', 'kills'), [('0', '2'), ('2', '1')])
def test_nothing_is_lost(benchmark, capsys, workers, kills):
    status = benchmark.main(['--kills', kills, '--workers', workers])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    assert captured.out.count(' byte ') == 1


def test_what_mmengine_loses_is_seen(benchmark, capsys):
    # In place, and after the old one is removed.
    status = benchmark.main(
        [
            *('--kills', '2', '--workers', '0', '--modes', 'byte'),
            *('--hook', 'CheckpointHook'),
        ]
    )
    assert status == 1
    assert 'whole' in capsys.readouterr().err
