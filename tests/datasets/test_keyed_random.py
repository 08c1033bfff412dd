import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader

from masa.datasets import KeyedRandom


class Draws(KeyedRandom, BaseDataset):
    """Every sample is three draws of its generator."""

    def load_data_list(self):
        return [dict() for _ in range(8)]


def draw(results):
    return results['rng'].random(3)


@pytest.fixture
def dataset():
    return Draws(pipeline=[draw])


def load(loader):
    return np.concatenate([np.stack(batch) for batch in loader])


def list_of(batch):
    return batch


def test_draws_are_keyed_by_seed_epoch_and_index(dataset):
    def draws(seed, epoch, index):
        dataset.set_random_key(seed, epoch)
        return tuple(dataset[index])

    keys = [(s, e, i) for s in (0, 1) for e in (0, 1, 2) for i in range(8)]
    table = {key: draws(*key) for key in keys}
    assert len(set(table.values())) == len(keys)
    for key in reversed(keys):
        assert draws(*key) == table[key]


def test_generator_is_numpy_keyed(dataset):
    dataset.set_random_key(3, 5)
    expected = np.random.default_rng([3, 5, 7]).random(4)
    assert (dataset.generator(7).random(4) == expected).all()
    # MMEngine numbers negative indices from the end.
    assert tuple(dataset[-1]) == tuple(dataset[7])


@pytest.mark.parametrize('persistent', [False, True])
def test_workers_follow_the_key(dataset, persistent):
    def epochs(**kwargs):
        loader = DataLoader(
            dataset, batch_size=2, collate_fn=list_of, **kwargs
        )
        result = []
        for epoch in range(3):
            dataset.set_random_key(0, epoch)
            result.append(load(loader))
        return np.stack(result)

    alone = epochs()
    assert len(np.unique(alone[..., 0])) == alone[..., 0].size
    with_workers = epochs(num_workers=2, persistent_workers=persistent)
    assert (with_workers == alone).all()


def test_without_a_key_draws_follow_the_global_generator(dataset):
    np.random.seed(0)  # noqa: NPY002
    first, second = dataset[0], dataset[0]
    assert (first != second).all()
    np.random.seed(0)  # noqa: NPY002
    assert (dataset[0] == first).all()


@pytest.mark.parametrize('key', [(-1, 0), (0, -1)])
def test_negative_keys_are_refused(dataset, key):
    with pytest.raises(ValueError, match=f'seed={key[0]}.*epoch={key[1]}'):
        dataset.set_random_key(*key)
