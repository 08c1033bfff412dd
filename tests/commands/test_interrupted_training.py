"""Signals, full disks and folders that cannot be written to."""

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from tiny_demo import masa_command

from masa.support import command_line
from masa.support.checkpoints import read_checkpoint
from masa.support.work_dir import last_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path('/proc').is_dir(), reason='looks at processes in /proc'
    ),
]
# Windows has none.
resource = pytest.importorskip('resource')
# A fork of a process that has decoded a video can wait for FFmpeg's threads,
# which it does not have, forever.
PROCESSES = get_context('spawn')
# Seconds that it may take to end, and to start, fail and end.
LIMIT = 30
WHOLE_LIMIT = 120
ENDLESS = (
    *('--no-validate', '--cfg-options', 'train_cfg.max_epochs=100000'),
    'default_hooks.checkpoint.interval=1',
)
WORKERS = (
    'train_dataloader.num_workers=2',
    'train_dataloader.persistent_workers=True',
)


class OwnOutput:
    """Keeps what processes that load data print apart from the command's own.

    Their threads tell, at any moment, that their connection is gone.
    """

    def __init__(self, own, others):
        self.owner = os.getpid()
        self.own = own
        self.others = others

    def _file(self):
        return self.own if os.getpid() == self.owner else self.others

    def write(self, text):
        return self._file().write(text)

    def flush(self):
        self._file().flush()

    def __getattr__(self, name):
        return getattr(self.own, name)


def do_nothing():
    pass


def run(command, arguments, log, before):
    os.setsid()
    # As a terminal starts it: tests in the background ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        open(log, 'a', encoding='utf-8') as own,
        open(f'{log}.others', 'a', encoding='utf-8') as others,
    ):
        sys.stdout = sys.stderr = OwnOutput(own, others)
        before()
        try:
            status = masa_command(command)(arguments)
        except Exception:
            # Printed later, it would find the files closed.
            traceback.print_exc()
            raise
    sys.exit(status)


class Training:
    """A command in a process and a session of its own."""

    def __init__(
        self, arguments, work_dir, before=do_nothing, command='train'
    ):
        self.work_dir = work_dir
        self.log = work_dir.with_suffix('.log')
        arguments = [
            *arguments[:1],
            '--work-dir',
            str(work_dir),
            *arguments[1:],
        ]
        self.process = PROCESSES.Process(
            target=run, args=(command, arguments, self.log, before)
        )
        self.process.start()

    def members(self):
        """List the processes of the session, without those that ended."""
        found = []
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                fields = stat.read_text().rpartition(')')[2].split()
            except OSError:
                continue
            if fields[3] == str(self.process.pid) and fields[0] != 'Z':
                found.append(int(stat.parent.name))
        return found

    def wait_until(self, condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert self.process.is_alive(), self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.05)

    def end(self, limit=LIMIT):
        """Wait, and return the status."""
        begin = time.monotonic()
        self.process.join(limit)
        assert self.process.exitcode is not None, self.printed()[-3000:]
        while self.members():
            assert time.monotonic() - begin < limit, 'orphans are left'
            time.sleep(0.1)
        return self.process.exitcode

    def printed(self):
        return self.log.read_text(encoding='utf-8')

    def last_line(self):
        return self.printed().rstrip().splitlines()[-1]


@pytest.fixture
def start(tiny_config, tmp_path):
    trainings = []

    def start(*options, work_dir=tmp_path / 'run', before=do_nothing):
        one = Training([tiny_config, *options], work_dir, before)
        trainings.append(one)
        return one

    yield start
    for one in trainings:
        for pid in one.members():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def training(start):
    """A training that goes on, with two processes that load data."""
    one = start(*ENDLESS, *WORKERS)
    one.wait_until(
        lambda: last_checkpoint(one.work_dir) and len(one.members()) == 3
    )
    return one


def check_last(training):
    last = last_checkpoint(training.work_dir)
    read_checkpoint(last)
    assert not list(training.work_dir.glob('.writing-*'))
    return last


@pytest.mark.parametrize(
    ('number', 'word', 'status'),
    [(signal.SIGTERM, 'terminated', 143), (signal.SIGINT, 'interrupted', 130)],
)
def test_signals(training, number, word, status):
    if number == signal.SIGINT:
        # As a terminal does.
        os.killpg(training.process.pid, number)
    else:
        os.kill(training.process.pid, number)
    assert training.end() == status
    assert training.last_line() == (
        f'{word}: the same command with --resume goes on from '
        f'{check_last(training)}'
    )
    assert 'Traceback' not in training.printed()


class _Swallows:
    """What is raised while it goes is dropped, and a signal with it."""

    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)


def test_a_signal_that_is_lost_comes_again(monkeypatch, capsys):
    monkeypatch.setattr(command_line, '_AGAIN', 0.2)
    monkeypatch.setattr(sys, 'unraisablehook', lambda unraisable: None)

    def run():
        _Swallows()
        time.sleep(20)

    assert command_line.end_with_status(run) == 143
    assert capsys.readouterr().err.startswith('terminated: ')
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_process_that_loads_data_is_killed(training):
    workers = set(training.members()) - {training.process.pid}
    os.kill(min(workers), signal.SIGKILL)
    assert training.end() == 2
    line = training.last_line()
    assert line.startswith('error: DataLoader worker')
    assert f'--resume goes on from {check_last(training)}' in line
    assert 'Traceback' not in training.printed()


def test_before_the_first_checkpoint(start):
    training = start(*ENDLESS[:-1], 'default_hooks.checkpoint.interval=100000')
    training.wait_until(lambda: list(training.work_dir.glob('*/*.log')))
    os.kill(training.process.pid, signal.SIGTERM)
    assert training.end() == 143, training.printed()
    assert 'no checkpoint was saved yet' in training.last_line()


def test_a_comparison(tmp_path):
    comparison = Training(
        ['demo', '--methods', 'tcc', '--epochs', '1000'],
        tmp_path / 'work',
        command='experiment',
    )
    # Its trainings run in processes that are spawned.
    comparison.wait_until(lambda: list(comparison.work_dir.rglob('log.txt')))
    os.kill(comparison.process.pid, signal.SIGTERM)
    assert comparison.end() == 143, comparison.printed()
    assert comparison.last_line() == 'terminated: the same command goes on'


def resume_into_trouble(start, trained, tmp_path, before):
    """Go on from the first epoch, and fail to save the second."""
    work_dir = tmp_path / 'run'
    work_dir.mkdir(exist_ok=True)
    shutil.copy(trained / 'epoch_1.pth', work_dir)
    training = start('--resume', '--no-validate', before=before)
    assert training.end(WHOLE_LIMIT) == 2
    line = training.last_line()
    assert line.startswith('error: ')
    assert str(work_dir) in line
    assert 'Traceback' not in training.printed()
    read_checkpoint(work_dir / 'epoch_1.pth')
    assert not (work_dir / 'epoch_2.pth').exists()
    assert not list(work_dir.glob('.writing-*'))
    return line


def test_no_file_of_the_size_is_allowed(start, trained, tmp_path):
    size = (trained / 'epoch_1.pth').stat().st_size
    limit = partial(
        resource.setrlimit, resource.RLIMIT_FSIZE, (size // 2, size // 2)
    )
    line = resume_into_trouble(start, trained, tmp_path, limit)
    assert 'there is no room left: free some' in line


@pytest.fixture
def mount(tmp_path):
    """Mount a file system of a size, or skip."""
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    mounted = []

    def mount(options):
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', str(work_dir)],
            capture_output=True,
        )
        if done.returncode:
            pytest.skip(f'cannot mount: {done.stderr.decode().strip()}')
        mounted.append(work_dir)

    if shutil.which('mount') is None:
        pytest.skip('there is no mount')
    yield mount
    for one in mounted:
        subprocess.run(['umount', '-l', str(one)], check=True)


def test_a_full_disk(start, trained, tmp_path, mount):
    size = (trained / 'epoch_1.pth').stat().st_size
    # Room for the logs, and for one checkpoint and a half.
    mount(f'size={size * 3 // 2 + 65536}')
    line = resume_into_trouble(start, trained, tmp_path, do_nothing)
    assert 'No space left on device' in line
    assert 'there is no room left: free some' in line


def test_a_folder_that_cannot_be_written_to(start, mount):
    mount('size=1m,ro')
    training = start()
    assert training.end(WHOLE_LIMIT) == 2
    assert 'Read-only file system' in training.last_line()
    assert 'give another path' in training.last_line()


def test_a_file_in_the_place_of_the_folder(start, tmp_path):
    (tmp_path / 'run').touch()
    training = start()
    assert training.end(WHOLE_LIMIT) == 2
    assert 'a file is where a folder is expected' in training.last_line()


def test_processes_that_are_spawned(start, trained):
    # As on macOS and Windows: all that they need is pickled.
    training = start(
        '--no-validate',
        '--cfg-options',
        'env_cfg.mp_cfg.mp_start_method=spawn',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_workers=1',
    )
    training.process.join(WHOLE_LIMIT)
    assert training.process.exitcode == 0, training.printed()
    states = [
        read_checkpoint(one / 'epoch_1.pth')['state_dict']
        for one in (training.work_dir, trained)
    ]
    for key, value in states[0].items():
        assert value.equal(states[1][key]), key
