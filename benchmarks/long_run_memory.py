"""Measure how the memory of a long training grows.

The demo is trained on few sequences for many epochs, with validation, figures
and a checkpoint at every tenth. The resident memory of the process is read at
the end of every epoch (Linux only). The medians of ten epochs are compared,
once the first epochs have filled all caches and at the end. Exits with 1 if
memory has grown by more than 5%.

Example:
    python benchmarks/long_run_memory.py
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'masa_demo.py'
MEBIBYTE = 2**20
MOST_GROWTH = 0.05
WINDOW = 10


def resident_bytes() -> int:
    """Return the memory that this process holds (Linux only)."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


class MemoryHook(Hook):
    """Keeps the memory at the end of every epoch."""

    priority = 'LOWEST'

    def __init__(self):
        self.resident = []

    def after_train_epoch(self, runner: Runner) -> None:
        """Read it."""
        self.resident.append(resident_bytes())


def long_config(work_dir: str, epochs: int, sequences: int) -> Config:
    """Shorten the demo's data and lengthen its training."""
    config = Config.fromfile(CONFIG)
    per_activity = max(4, sequences // 10)
    few = dict(train=per_activity - 2, val=2)
    for name in ('train', 'val', 'test'):
        config[f'{name}_dataloader'].dataset.sequences_per_activity = few
    config.train_cfg.max_epochs = epochs
    config.train_cfg.val_interval = 10
    config.default_hooks.logger.interval = 1
    config.log_level = 'ERROR'
    config.work_dir = work_dir
    return config


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--epochs', type=int, default=200)
    parser.add_argument('--sequences', type=int, default=40)
    parser.add_argument(
        '--settled',
        type=int,
        default=20,
        help='epoch from which growth counts (default: %(default)s)',
    )
    args = parser.parse_args()
    if not WINDOW <= args.settled < args.epochs:
        parser.error(f'--settled is expected in [{WINDOW}, --epochs)')
    return args


def main() -> int:
    """Train, print, and compare."""
    args = parse_args()
    hook = MemoryHook()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as work_dir:
        runner = Runner.from_cfg(
            long_config(work_dir, args.epochs, args.sequences)
        )
        runner.register_hook(hook)
        runner.train()
    resident = np.array(hook.resident) / MEBIBYTE
    for epoch in range(args.settled, args.epochs + 1, args.settled):
        print(f'epoch {epoch:4d}: {resident[epoch - 1]:8.1f} MiB')
    before = np.median(resident[args.settled - WINDOW : args.settled])
    after = np.median(resident[-WINDOW:])
    growth = after / before - 1
    print(
        f'{args.epochs} epochs, {runner.iter} iterations, '
        f'{time.process_time() - start:.0f} s of CPU time: from epoch '
        f'{args.settled} to the last {before:.1f} -> {after:.1f} MiB, '
        f'{growth:+.1%} (at most {MOST_GROWTH:+.0%})'
    )
    return int(growth > MOST_GROWTH)


if __name__ == '__main__':
    sys.exit(main())
