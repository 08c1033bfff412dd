import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import EVALUATOR
from mmengine.config import Config
from tiny_configs import write_configs
from tiny_demo import masa_command

from masa.evaluation import SequenceCollection

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def free_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


def run_script(name, *arguments, **environment):
    """Run a script as a user does who activated the environment."""
    folders = str(Path(sys.executable).parent), os.environ['PATH']
    return subprocess.run(
        ['bash', str(TOOLS / name), *map(str, arguments)],
        env={
            **os.environ,
            'PATH': os.pathsep.join(folders),
            'CUDA_VISIBLE_DEVICES': '',
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )


def dist_script(name, *arguments):
    done = run_script(name, *arguments, PORT=str(free_port()))
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


# Two processes add in another order than one. Adam makes a whole step of a
# gradient that is nothing but rounding, and clipped steps of a large rate
# double the difference each time; small steps of SGD do neither.
TRAINING = (
    *('--no-validate', '--cfg-options', 'optim_wrapper.optimizer.type=SGD'),
    *('optim_wrapper.optimizer.lr=0.01', 'optim_wrapper.clip_grad=None'),
    *('param_scheduler=None', 'train_cfg.max_epochs=2'),
    'default_hooks.checkpoint.interval=1',
)
# Of the distance that the weights move in an epoch. Rounding alone is 1e-4
# of it; but where it takes a unit through the kink of a ReLU, or a frame to
# another nearest neighbor, it is up to 0.025 (four seeds, vectorized and
# not). Statistics of one process alone, or a sum in the place of a mean,
# change the gradient as a whole. Its equality to rounding is tested in
# float64: tests/models/test_distributed_gradients.py.
KINKS = 0.1


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp('configs') / 'configs'
    write_configs(folder)
    return str(folder / 'masa_tiny.py')


@pytest.fixture(scope='module')
def trained(config, tmp_path_factory):
    """A training on two processes."""
    folder = tmp_path_factory.mktemp('trained')
    dist_script(
        *('dist_train.sh', config, 2, '--work-dir', folder, *TRAINING),
        'train_dataloader.batch_size=5',
    )
    return folder / 'epoch_2.pth'


def test_two_processes_train_what_one_does(trained, config, tmp_path):
    masa_command('train')(
        [
            *(config, '--work-dir', str(tmp_path), *TRAINING),
            'train_dataloader.batch_size=10',
        ]
    )
    (before, joint), (_, parted) = (
        [
            torch.load(folder / f'epoch_{epoch}.pth', weights_only=True)
            for epoch in (1, 2)
        ]
        for folder in (tmp_path, trained.parent)
    )
    assert joint['meta']['iter'] == parted['meta']['iter'] == 4
    assert joint['optimizer']['param_groups'][0]['lr'] == 0.01
    before, joint, parted = (
        one['state_dict'] for one in (before, joint, parted)
    )
    statistics = {key for key in joint if 'running' in key}
    moved, apart = (
        sum(
            (joint[key] - other[key]).double().square().sum()
            for key in joint.keys() - statistics
        ).sqrt()
        for other in (before, parted)
    )
    assert apart < KINKS * moved
    for key in statistics:
        torch.testing.assert_close(
            parted[key], joint[key], rtol=0.01, atol=0.01
        )


def test_two_processes_measure_what_one_does(trained, config, tmp_path):
    reports, dumps = [], []
    for name in ('one', 'two'):
        folder, dump = tmp_path / name, tmp_path / f'{name}.npz'
        flags = '--work-dir', str(folder), '--dump', str(dump)
        if name == 'one':
            masa_command('test')([config, str(trained), *flags])
        else:
            printed = dist_script('dist_test.sh', config, trained, 2, *flags)
            # One of the processes speaks.
            assert printed.count('metrics: ') == 1
        (path,) = folder.glob('*/metrics.json')
        reports.append(json.loads(path.read_text()))
        dumps.append(SequenceCollection.load(dump))
    one, two = reports
    assert (
        one['num_sequences'] == two['num_sequences'] == dict(train=20, val=20)
    )
    # It does not come from the model.
    assert two['rows']['clock'] == one['rows']['clock']
    assert dumps[0].names == dumps[1].names
    scale = max(np.abs(one).max() for one in dumps[0].embeddings)
    for first, second in zip(
        dumps[0].embeddings, dumps[1].embeddings, strict=True
    ):
        # In other batches.
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-3 * scale)
    # Rounding may make another frame the nearest, so that metrics of
    # embeddings that are apart by it cannot be compared.
    evaluator = EVALUATOR.build(Config.fromfile(config).test_evaluator)
    for report, dump in zip(reports, dumps, strict=True):
        expected = evaluator.compute_report(dump)['rows']
        assert report['rows'].keys() == expected.keys()
        for method, row in report['rows'].items():
            assert row == pytest.approx(expected[method], abs=1e-9)


def test_a_training_goes_on_with_other_processes(trained, config, tmp_path):
    folder = shutil.copytree(trained.parent, tmp_path / 'folder')
    longer = [word.replace('epochs=2', 'epochs=3') for word in TRAINING]

    def train(rate, size):
        return masa_command('train')(
            [
                *(config, '--resume', '--work-dir', str(folder), *longer),
                *(f'train_dataloader.batch_size={size}',),
                f'optim_wrapper.optimizer.lr={rate}',
            ]
        )

    assert train(0.01, 5) == 2
    assert train(0.02, 10) == 2
    assert not (folder / 'epoch_3.pth').exists()
    assert train(0.01, 10) == 0
    checkpoint = torch.load(folder / 'epoch_3.pth', weights_only=True)
    assert checkpoint['meta']['iter'] == 6


def test_two_processes_resume(trained, config, tmp_path):
    folder = shutil.copytree(trained.parent, tmp_path / 'folder')
    (folder / 'epoch_2.pth').unlink()
    flags = '--resume', folder / 'epoch_1.pth', '--work-dir', folder
    size = 'train_dataloader.batch_size=5'
    dist_script('dist_train.sh', config, 2, *flags, *TRAINING, size)
    resumed, whole = (
        torch.load(path, weights_only=True)['state_dict']
        for path in (folder / 'epoch_2.pth', trained)
    )
    for key, value in whole.items():
        assert torch.equal(resumed[key], value), key


@pytest.fixture
def srun(tmp_path):
    """Stands for Slurm: notes what it was called with."""
    program = tmp_path / 'srun'
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$MASTER_PORT" "$@"\n')
    program.chmod(0o755)

    def run(name, *arguments, **environment):
        done = run_script(
            name,
            *arguments,
            PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
            **environment,
        )
        assert done.returncode == 0, done.stderr
        port, *words = done.stdout.splitlines()
        return int(port), words

    return run


def test_slurm_scripts_ask_for_what_they_are_told(srun):
    port, words = srun(
        *('slurm_train.sh', 'gpu', 'job', 'a b.py', '--seed', '3'),
        GPUS='4',
        GPUS_PER_NODE='2',
        SRUN_ARGS='--exclusive --mem=8G',
    )
    assert 12000 <= port < 32000
    assert words[: words.index('python')] == [
        *('-p', 'gpu', '--job-name=job', '--gres=gpu:2'),
        *('--ntasks-per-node=2', '--ntasks=4', '--cpus-per-task=5'),
        *('--kill-on-bad-exit=1', '--exclusive', '--mem=8G'),
    ]
    assert words[words.index('python') :] == [
        *('python', '-u', str(TOOLS / 'train.py'), 'a b.py'),
        *('--launcher', 'slurm', '--seed', '3'),
    ]
    port, words = srun(
        *('slurm_test.sh', 'cpu', 'job', 'c.py', 'w.pth', '--dump', 'e.npz'),
        GPUS='2',
        GPUS_PER_NODE='0',
        MASTER_PORT='29600',
    )
    assert port == 29600
    assert '--gres' not in ' '.join(words)
    assert words[-7:] == [
        *(str(TOOLS / 'test.py'), 'c.py', 'w.pth', '--launcher', 'slurm'),
        *('--dump', 'e.npz'),
    ]


@pytest.mark.parametrize(
    ('script', 'arguments'),
    [
        ('dist_train.sh', ['c.py']),
        ('dist_test.sh', ['c.py', 'w.pth']),
        ('slurm_train.sh', ['gpu', 'job']),
        ('slurm_test.sh', ['gpu', 'job', 'c.py']),
    ],
)
def test_missing_arguments_are_told(script, arguments):
    done = run_script(script, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f'bash tools/{script} ')
