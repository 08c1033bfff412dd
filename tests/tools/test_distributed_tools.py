import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_configs import write_configs

from masa.evaluation import SequenceCollection

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load_tool(name):
    spec = importlib.util.spec_from_file_location(
        f'distributed_{name}', TOOLS / f'{name}.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


# With Adam, rounding would decide the sign of a step.
TRAINING = (
    *('--no-validate', '--cfg-options', 'optim_wrapper.optimizer.type=SGD'),
    *('train_cfg.max_epochs=2', 'optim_wrapper.optimizer.lr=1.0'),
)


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
    load_tool('train').main(
        [
            *(config, '--work-dir', str(tmp_path), *TRAINING),
            'train_dataloader.batch_size=10',
        ]
    )
    joint = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    parted = torch.load(trained, weights_only=True)
    assert joint['meta']['iter'] == parted['meta']['iter'] == 4
    for key, value in joint['state_dict'].items():
        torch.testing.assert_close(
            parted['state_dict'][key], value, rtol=1e-4, atol=1e-5
        )


def test_two_processes_measure_what_one_does(trained, config, tmp_path):
    reports, dumps = [], []
    for name in ('one', 'two'):
        folder, dump = tmp_path / name, tmp_path / f'{name}.npz'
        flags = '--work-dir', str(folder), '--dump', str(dump)
        if name == 'one':
            load_tool('test').main([config, str(trained), *flags])
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
    for method, row in one['rows'].items():
        assert two['rows'][method] == pytest.approx(row, abs=1e-6)
    assert dumps[0].names == dumps[1].names
    for first, second in zip(
        dumps[0].embeddings, dumps[1].embeddings, strict=True
    ):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)


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
