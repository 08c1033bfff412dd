"""Write the losses of 20 training steps beside this file.

``test_golden_curve.py`` holds new versions of the code against them. Run this
where a change is meant to change the losses, and say so in the commit:

    python tests/engine/make_golden_curve.py
"""

import json
import tempfile
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = Path(__file__).resolve().parents[2] / 'configs' / 'masa_demo.py'
FILE = Path(__file__).with_name('golden_curve.json')
STEPS = 20
# What is compared; the losses of both parts, what shows a collapse, and what
# shows the gradient.
KEYS = ('loss', 'match_mse', 'cluster_cos', 'embedding_std', 'grad_norm')
# Adam would make whole steps of gradients that are nothing but rounding, so
# that the curve would be another on other processors.
SMALL_STEPS = {
    'optim_wrapper.optimizer': dict(_delete_=True, type='SGD', lr=1e-3),
    'param_scheduler': None,
}


def tiny_demo(work_dir: str, epochs: int, **changes) -> Config:
    """Make the demo small: two batches of ten sequences an epoch."""
    config = Config.fromfile(CONFIG)
    few = dict(train=2, val=2)
    for name in ('train', 'val', 'test'):
        config[f'{name}_dataloader'].dataset.sequences_per_activity = few
    config.train_dataloader.batch_size = 10
    config.train_cfg.max_epochs = epochs
    config.train_cfg.val_interval = epochs + 1
    config.default_hooks.checkpoint.interval = epochs
    config.default_hooks.logger.interval = 1
    config.log_level = 'ERROR'
    config.work_dir = str(work_dir)
    config.experiment_name = Path(work_dir).name
    config.merge_from_dict(changes)
    return config


def golden_curve(work_dir: str) -> dict[str, list[float]]:
    """Train 20 steps and return what was logged."""
    runner = Runner.from_cfg(tiny_demo(work_dir, STEPS // 2, **SMALL_STEPS))
    runner.train()
    hub = runner.message_hub
    return {
        key: hub.get_scalar(f'train/{key}').data[0].tolist() for key in KEYS
    }


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work_dir:
        curve = golden_curve(work_dir)
    rounded = {
        key: [float(f'{v:.7g}') for v in values]
        for key, values in curve.items()
    }
    FILE.write_text(json.dumps(rounded, indent=1) + '\n')
    print(f'{FILE}: {len(curve["loss"])} steps')


if __name__ == '__main__':
    main()
