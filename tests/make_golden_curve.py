"""Write the losses of ten training steps, and of every method.

``engine/test_golden_curve.py`` holds new versions of the code against them.
Run this where a change is meant to change the losses, and say so in the
commit:

    python tests/make_golden_curve.py
"""

import json
import tempfile
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tiny_configs import CONFIGS, DEMOS
from tiny_demo import tiny_demo
from training_batches import collated_batch

import masa.registration  # noqa: F401

FILE = Path(__file__).parent / 'engine' / 'golden_curve.json'
STEPS = 10
# What is compared; the losses of both parts, what shows a collapse, and what
# shows the gradient.
KEYS = ('loss', 'match_mse', 'cluster_cos', 'embedding_std', 'grad_norm')
# Adam would make whole steps of gradients that are nothing but rounding, so
# that the curve would be another on other processors.
SMALL_STEPS = {
    'optim_wrapper.optimizer': dict(_delete_=True, type='SGD', lr=1e-3),
    'param_scheduler': None,
    # Two batches an epoch.
    'train_cfg.max_epochs': STEPS // 2,
    'train_cfg.val_interval': STEPS,
    'default_hooks.checkpoint.interval': STEPS,
    'default_hooks.logger.interval': 1,
    'log_level': 'ERROR',
}


def golden_curve(work_dir: str, **changes) -> dict[str, list[float]]:
    """Train and return what was logged."""
    config = tiny_demo()
    config.work_dir = str(work_dir)
    config.experiment_name = Path(work_dir).name
    config.merge_from_dict(SMALL_STEPS | changes)
    runner = Runner.from_cfg(config)
    runner.train()
    hub = runner.message_hub
    return {
        key: hub.get_scalar(f'train/{key}').data[0].tolist() for key in KEYS
    }


def golden_loss(name: str, **changes) -> float:
    """Return the loss of a new model of a method, in float64."""
    config = Config.fromfile(CONFIGS / name)
    config.merge_from_dict(changes)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        model = MODELS.build(config.model)
        torch.manual_seed(1)
        width = config.model.backbone.in_channels
        batch = collated_batch((20, 15, 12, 9), width)
        batch = model.data_preprocessor(batch, training=True)
        return model.loss(**batch)['loss'].item()
    finally:
        torch.set_default_dtype(default)


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    init_default_scope('mmaction')
    with tempfile.TemporaryDirectory() as work_dir:
        curve = golden_curve(work_dir)
    golden = dict(
        curve={
            key: [float(f'{v:.7g}') for v in values]
            for key, values in curve.items()
        },
        losses={name: golden_loss(name) for name in DEMOS},
    )
    FILE.write_text(json.dumps(golden, indent=1) + '\n')
    print(FILE)


if __name__ == '__main__':
    main()
