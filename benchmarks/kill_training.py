"""Kill trainings, resume them, and compare with an uninterrupted one.

A small training on synthetic skeletons is ended by SIGKILL: at a random
moment, or at a random byte of what it writes for its checkpoints. Then every
checkpoint that is there has to be whole, ``last_checkpoint`` has to name one
of them, one has to be there if one had been saved, and the training that goes
on has to end with the weights and the state of the optimizer of an
uninterrupted one, bit for bit. One checkpoint is kept, the hardest case, and
the best one.

Exits with 1 if anything was lost. For Linux.

Example:
    python benchmarks/kill_training.py
    python benchmarks/kill_training.py --hook CheckpointHook  # MMEngine's own
"""

import argparse
import builtins
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.utils.dl_utils import collect_env
from rich.console import Console
from rich.table import Table

from masa.engine import build_runner
from masa.support.checkpoints import CheckpointError, read_checkpoint
from masa.support.work_dir import LAST_CHECKPOINT, last_checkpoint

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'masa_demo.py'
EPOCHS = 3
MODES = ('moment', 'byte')
# What processes of data loading may take to notice that they are orphans.
PATIENCE = 30.0
# All is imported once.
PROCESSES = get_context('fork')


def small_config(work_dir: Path, workers: int, hook: str) -> Config:
    """Make a training of about a second."""
    config = Config.fromfile(CONFIG)
    config.custom_hooks = [
        one for one in config.custom_hooks if 'Figures' not in one.type
    ]
    config.val_evaluator.metrics = [dict(type='KendallsTau', stride=16)]
    few = dict(sequences_per_activity=dict(train=2, val=1))
    for name in ('train_dataloader', 'val_dataloader'):
        config[name].dataset.update(few, activities=['squat', 'throw'])
        config[name].num_workers = 0
        config[name].persistent_workers = False
    config.train_dataloader.num_workers = workers
    config.merge_from_dict(
        {
            'model.backbone.embed_dims': 8,
            'model.backbone.num_heads': 2,
            'model.neck.in_channels': 8,
            'model.head.predictor.embed_dims': 8,
            'model.head.predictor.num_heads': 2,
            'train_dataloader.batch_size': 2,
            'train_cfg.max_epochs': EPOCHS,
            'train_cfg.val_interval': 1,
            'work_dir': str(work_dir),
            'log_level': 'WARNING',
        }
    )
    # Every checkpoint holds the config's text, and formatting takes longest.
    for name in list(config):
        if name.startswith('test_') or name.endswith('_pipeline'):
            config.pop(name)
    config.default_hooks.checkpoint.update(
        type=hook,
        interval=1,
        max_keep_ckpts=1,
        save_best='kendalls_tau/tau',
        rule='greater',
    )
    return config


class Progress(Hook):
    """Tells how far a training has come.

    Args:
        saved: Shared number of epochs that have been saved; -1 before the
            training begins.
    """

    priority = 'LOWEST'

    def __init__(self, saved):
        self.saved = saved

    def before_train(self, runner) -> None:
        """Begin to count."""
        self.saved.value = 0

    def after_train_epoch(self, runner) -> None:
        """Count one."""
        self.saved.value += 1


class Written:
    """A file for a checkpoint: notes what is written, or dies in the middle.

    Args:
        stream: The open file.
        sizes (list[int]): Bytes of every write so far.
        cut (tuple[int, int], optional): Write and byte where to die.
    """

    def __init__(self, stream, sizes: list[int], cut: tuple[int, int] | None):
        self._stream = stream
        self._sizes = sizes
        self._cut = cut

    def write(self, data) -> int:
        """Write all, or what comes before the byte, and die."""
        if self._cut is not None and self._cut[0] == len(self._sizes):
            self._stream.write(data[: self._cut[1]])
            self._stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self._sizes.append(len(data))
        return self._stream.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stream.close()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


def watch_writes(cut: tuple[int, int] | None) -> list[int]:
    """Put ``Written`` in the place of files of checkpoints."""
    sizes: list[int] = []
    true_open = io.open

    def watched(file, mode='r', *args, **kwargs):
        stream = true_open(file, mode, *args, **kwargs)
        name = '' if isinstance(file, int) else Path(file).name
        if 'w' in mode and (name.endswith('.pth') or name == LAST_CHECKPOINT):
            return Written(stream, sizes, cut)
        return stream

    # pathlib calls the one, everything else the other.
    io.open = builtins.open = watched
    return sizes


def train(
    config: Config,
    resume: bool,
    saved,
    cut: tuple[int, int] | None,
) -> None:
    """Train, in a process of its own."""
    os.setsid()
    log = os.open(
        Path(config.work_dir).with_suffix('.log'),
        os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    )
    os.dup2(log, 1)
    os.dup2(log, 2)
    sizes = watch_writes(cut)
    config.resume = resume
    runner = build_runner(config)
    runner.register_hook(Progress(saved))
    runner.train()
    Path(config.work_dir, 'sizes.json').write_text(json.dumps(sizes))


def start(config: Config, resume: bool = False, cut=None):
    """Start a training.

    Returns:
        tuple: The process, and the number of its saved epochs.
    """
    saved = PROCESSES.RawValue('i', -1)
    process = PROCESSES.Process(
        target=train, args=(config, resume, saved, cut)
    )
    process.start()
    return process, saved


def wait_for_orphans(session: int) -> float:
    """Wait until nothing of a session is left.

    Returns:
        float: Seconds that it took.
    """
    begin = time.monotonic()
    while time.monotonic() - begin < PATIENCE:
        for stat in Path('/proc').glob('[0-9]*/stat'):
            try:
                fields = stat.read_text().rpartition(')')[2].split()
            except OSError:
                continue
            if fields[3] == str(session) and fields[0] != 'Z':
                break
        else:
            return time.monotonic() - begin
        time.sleep(0.1)
    return time.monotonic() - begin


def kill(
    config: Config, mode: str, whole: dict, rng: random.Random
) -> tuple[int, float]:
    """Start a training and kill it.

    Returns:
        tuple: Saved epochs, -1 if it had ended before; seconds that orphans
        lived.
    """
    cut = None
    if mode == 'byte':
        write = rng.randrange(len(whole['sizes']))
        cut = write, rng.randrange(whole['sizes'][write] + 1)
    process, saved = start(config, cut=cut)
    if cut is None:
        wait_for_begin(process, saved)
        process.join(rng.uniform(0, whole['seconds']))
        process.kill()
    process.join()
    alive = wait_for_orphans(process.pid)
    killed = process.exitcode == -signal.SIGKILL
    return (saved.value if killed else -1), alive


def wait_for_begin(process, saved) -> None:
    """Wait until a training has begun."""
    while saved.value < 0 and process.is_alive():
        time.sleep(0.005)


def problems_after_kill(work_dir: Path, saved: int) -> list[str]:
    """List what is lost."""
    problems, sound = [], []
    for path in work_dir.glob('*.pth'):
        try:
            read_checkpoint(path)
            sound.append(path)
        except CheckpointError:
            problems.append(f'{path.name} is not whole')
    last = last_checkpoint(work_dir)
    if (work_dir / LAST_CHECKPOINT).is_file() and last not in sound:
        problems.append(f'{LAST_CHECKPOINT} names none that is whole')
    if saved and last is None:
        problems.append(f'{saved} epochs were saved, none is there')
    return problems


def same(first, second) -> bool:
    """Compare nested containers and tensors, bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same(value, second[key]) for key, value in first.items()
        )
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def problems_after_end(work_dir: Path, whole: dict) -> list[str]:
    """List how the resumed training differs from the uninterrupted one."""
    problems = []
    final = read_checkpoint(work_dir / f'epoch_{EPOCHS}.pth')
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        if not same(final[key], whole['final'][key]):
            problems.append(f'{key} differs')
    if list(work_dir.glob('.writing-*')):
        problems.append('unfinished files are left')
    if len(list(work_dir.glob('epoch_*.pth'))) != 1:
        problems.append('old checkpoints are left')
    return problems


def uninterrupted(folder: Path, workers: int, hook: str) -> dict:
    """Train without a kill: what all others have to end with."""
    work_dir = folder / 'whole'
    process, saved = start(small_config(work_dir, workers, hook))
    wait_for_begin(process, saved)
    begin = time.monotonic()
    process.join()
    if process.exitcode:
        raise RuntimeError(work_dir.with_suffix('.log').read_text())
    return dict(
        seconds=time.monotonic() - begin,
        sizes=json.loads((work_dir / 'sizes.json').read_text()),
        final=read_checkpoint(work_dir / f'epoch_{EPOCHS}.pth'),
    )


def attempt(
    config: Config, mode: str, whole: dict, rng: random.Random
) -> dict | None:
    """Kill, look, go on, and compare.

    Returns:
        dict, optional: What was found. None if there was nothing to kill.
    """
    saved, alive = kill(config, mode, whole, rng)
    if saved < 0:
        return None
    work_dir = Path(config.work_dir)
    work_dir.mkdir(exist_ok=True)
    problems = problems_after_kill(work_dir, saved)
    cut_off = bool(list(work_dir.glob('.writing-*')))
    process, _ = start(config, resume=True)
    process.join()
    if process.exitcode:
        problems.append('it does not go on')
    else:
        problems += problems_after_end(work_dir, whole)
    return dict(saved=saved, alive=alive, cut=cut_off, problems=problems)


def main(argv=None) -> int:
    """Kill, and count."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--kills', type=int, default=20, help='of every kind (default: 20)'
    )
    parser.add_argument('--modes', nargs='+', choices=MODES, default=MODES)
    parser.add_argument('--workers', nargs='+', type=int, default=(0, 2))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--hook', default='AtomicCheckpointHook')
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    # Imports what MMEngine reports of the machine, once.
    collect_env()
    rng = random.Random(args.seed)
    table = Table(
        *('kill at a random', 'workers', 'kills', 'before the first epoch'),
        *('in a write', 'orphans, longest', 'lost'),
    )
    lost: list[str] = []
    for workers in args.workers:
        with tempfile.TemporaryDirectory() as folder:
            whole = uninterrupted(Path(folder), workers, args.hook)
            for mode in args.modes:
                found = []
                number = 0
                while len(found) < args.kills:
                    number += 1
                    config = small_config(
                        Path(folder, f'{mode}_{number}'), workers, args.hook
                    )
                    one = attempt(config, mode, whole, rng)
                    if one is not None:
                        found.append(one)
                bad = [one['problems'] for one in found if one['problems']]
                lost += [f'{mode}, {workers} workers: {one}' for one in bad]
                table.add_row(
                    *(mode, str(workers), str(len(found))),
                    str(sum(one['saved'] == 0 for one in found)),
                    str(sum(one['cut'] for one in found)),
                    f'{max(one["alive"] for one in found):.1f} s',
                    str(len(bad)),
                )
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    for line in lost:
        print(line, file=sys.stderr)
    return int(bool(lost))


if __name__ == '__main__':
    sys.exit(main())
