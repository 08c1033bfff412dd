"""What the check for infinite and NaN values costs a training step.

The demo is trained by turns with and without FiniteCheckHook, and the median
CPU times of its steps are compared.

Example:
    python benchmarks/finite_check.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'masa_demo.py'


class StepTimes(Hook):
    """Keeps the CPU time of every iteration."""

    # Around what the check does before and after the step.
    priority = 'HIGHEST'

    def __init__(self):
        self.starts = []

    def before_train_iter(self, *args, **kwargs) -> None:
        """Read the clock."""
        self.starts.append(time.process_time())


def step_times(checked: bool, clip_grad: bool, epochs: int) -> np.ndarray:
    """Train the demo's first sequences; return the seconds of the steps."""
    config = Config.fromfile(CONFIG)
    few = dict(train=16, val=2)
    config.train_dataloader.dataset.sequences_per_activity = few
    for kind in ('val', 'test'):
        for part in ('cfg', 'dataloader', 'evaluator'):
            config.pop(f'{kind}_{part}')
    config.train_cfg.pop('val_interval')
    config.train_cfg.max_epochs = epochs
    config.custom_hooks = [dict(type='RandomKeyHook')]
    if checked:
        config.custom_hooks.append(dict(type='FiniteCheckHook'))
    if not clip_grad:
        config.optim_wrapper.clip_grad = None
    config.log_level = 'ERROR'
    times = StepTimes()
    with tempfile.TemporaryDirectory() as work_dir:
        config.work_dir = work_dir
        config.experiment_name = Path(work_dir).name
        runner = Runner.from_cfg(config)
        runner.register_hook(times)
        runner.train()
    return np.diff(times.starts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--epochs', type=int, default=2)
    parser.add_argument('--turns', type=int, default=2)
    args = parser.parse_args()
    for clip_grad in (True, False):
        times = {False: [], True: []}
        for _ in range(args.turns):
            for checked, found in times.items():
                found.append(step_times(checked, clip_grad, args.epochs))
        without, checked = (
            np.median(np.concatenate(found)) for found in times.values()
        )
        print(
            f'clip_grad {"on" if clip_grad else "off"}: '
            f'{1e3 * without:.1f} ms a step without the check, '
            f'{1e3 * checked:.1f} ms with it, {checked / without:.3f} times'
        )


if __name__ == '__main__':
    main()
