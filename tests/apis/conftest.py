from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from masa.apis import AlignmentInferencer
from masa.datasets import save_annotations
from masa.datasets.synthetic import make_annotations

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture(scope='session')
def trained(tmp_path_factory):
    """The demo, trained for seconds: enough to be better than a clock."""
    config = Config.fromfile(CONFIGS / 'masa_demo.py')
    config.merge_from_dict(
        {
            'train_cfg.max_epochs': 40,
            'train_cfg.val_interval': 100,
            'default_hooks.checkpoint.interval': 40,
            'model.head.matching_loss.temperature': 0.2,
            'param_scheduler.0.end': 10,
            'param_scheduler.1.milestones': [30],
            'train_dataloader.batch_size': 8,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'train_dataloader.dataset.sequences_per_activity.train': 12,
            'train_dataloader.dataset.activities': [
                *('squat', 'throw'),
            ],
            'work_dir': str(tmp_path_factory.mktemp('trained')),
        }
    )
    Runner.from_cfg(config).train()
    return Path(config.work_dir)


@pytest.fixture(scope='session')
def inferencer(trained):
    return AlignmentInferencer(trained, device='cpu')


@pytest.fixture(scope='session')
def annotations(tmp_path_factory):
    """Performances that the model was not trained on, and their file."""
    made = make_annotations(dict(val=4), 0)
    path = tmp_path_factory.mktemp('data') / 'val.pkl'
    save_annotations(made, path)
    return made, path
