"""What processes that load data need, where they are spawned."""

import pickle
from pathlib import Path

import pytest
from mmaction.registry import DATASETS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PATHS = sorted(CONFIGS.glob('*.py')) + sorted(CONFIGS.glob('*/*.py'))
PATHS = [path for path in PATHS if path.parent.name != '_base_']


def transforms():
    """List every transform of every config, once."""
    found = {}
    for path in PATHS:
        config = Config.fromfile(path)
        for loader in ('train_dataloader', 'test_dataloader'):
            for one in config[loader].dataset.pipeline:
                found.setdefault(one.type, {})[str(one)] = one
    return found


FOUND = transforms()


@pytest.mark.parametrize('name', sorted(FOUND))
def test_transforms(name):
    # Others read files that are not part of the repository.
    complete = [one for one in FOUND[name].values() if 'data/' not in str(one)]
    assert complete
    for config in complete:
        built = TRANSFORMS.build(config)
        again = pickle.loads(pickle.dumps(built))
        assert type(again) is type(built)
        pickle.dumps(Compose([built]))


def test_data_sets():
    config = Config.fromfile(CONFIGS / 'masa_demo.py').train_dataloader.dataset
    config.update(sequences_per_activity=dict(train=1))
    dataset = DATASETS.build(config)
    dataset.set_random_key(0, 3)
    again = pickle.loads(pickle.dumps(dataset))
    first, second = (one[2]['inputs'][0]['values'] for one in (dataset, again))
    assert first.equal(second)
