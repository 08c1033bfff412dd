"""What the check for infinite and NaN values costs a training step.

The demo's steps are trained by turns with and without FiniteCheckHook, and
the median times are compared.

Example:
    python benchmarks/finite_check.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'masa_demo.py'


def make_runner(work_dir: str, checked: bool, clip_grad: bool) -> Runner:
    """Build a runner of the demo, with the hook or without."""
    config = Config.fromfile(CONFIG)
    few = dict(train=2, val=2)
    config.train_dataloader.dataset.sequences_per_activity = few
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.test_cfg = config.test_dataloader = config.test_evaluator = None
    config.train_cfg.pop('val_interval')
    config.custom_hooks = [dict(type='RandomKeyHook')]
    if checked:
        config.custom_hooks.append(dict(type='FiniteCheckHook'))
    if not clip_grad:
        config.optim_wrapper.clip_grad = None
    config.log_level = 'ERROR'
    config.work_dir = work_dir
    config.experiment_name = f'checked_{checked}_{clip_grad}'
    runner = Runner.from_cfg(config)
    runner._train_loop = runner.build_train_loop(config.train_cfg)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.call_hook('before_train')
    runner.call_hook('before_train_epoch')
    return runner


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=int, default=60)
    args = parser.parse_args()
    for clip_grad in (True, False):
        with tempfile.TemporaryDirectory() as work_dir:
            runners = [
                make_runner(work_dir, checked, clip_grad)
                for checked in (False, True)
            ]
            batch = next(iter(runners[0].train_dataloader))
            times = np.empty((args.steps, 2))
            for row in times:
                for column, runner in enumerate(runners):
                    start = time.process_time()
                    runner.train_loop.run_iter(0, batch)
                    row[column] = time.process_time() - start
        without, checked = np.median(times, axis=0)
        print(
            f'clip_grad {"on" if clip_grad else "off"}: '
            f'{1e3 * without:.1f} ms a step without the check, '
            f'{1e3 * checked:.1f} ms with it, {checked / without:.3f} times'
        )


if __name__ == '__main__':
    main()
