import numpy as np
import torch
from mmengine.dataset import ClassBalancedDataset, RepeatDataset
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...datasets.keyed_random import KeyedRandom
from ...registry import HOOKS


@HOOKS.register_module()
class RandomKeyHook(Hook):
    """Key all random draws of a training, so that it can be resumed exactly.

    MMEngine stores no random state. With this hook, the dataset keys the draws
    of every sample by (seed, epoch, index), and PyTorch's generators, used by
    the model, are seeded before every iteration by (seed, process, iteration).
    A resumed run then equals an uninterrupted one bit for bit, with any number
    of workers.
    """

    # Workers need the key when the first batch of the epoch is requested.
    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Check that the draws can be keyed.

        Raises:
            ValueError: If the dataset cannot key its draws, or would use one
                key for several passes over the data.
        """
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                'RandomKeyHook needs train_cfg=dict(by_epoch=True, ...), but '
                f'got {type(runner.train_loop).__name__}: draws are keyed by '
                'the epoch'
            )
        _keyed_datasets(runner.train_dataloader.dataset)

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the key of the epoch."""
        for dataset in _keyed_datasets(runner.train_dataloader.dataset):
            dataset.set_random_key(runner.seed, runner.epoch)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed PyTorch for the iteration."""
        key = np.random.SeedSequence([runner.seed, get_rank(), runner.iter])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))


def _keyed_datasets(dataset) -> list[KeyedRandom]:
    if isinstance(dataset, KeyedRandom):
        return [dataset]
    if isinstance(dataset, (ClassBalancedDataset, RepeatDataset)):
        raise ValueError(
            f'{type(dataset).__name__} would repeat the same augmentations '
            'within an epoch; raise max_epochs instead'
        )
    inner = getattr(dataset, 'datasets', None) or [
        getattr(dataset, 'dataset', None)
    ]
    if inner == [None]:
        raise ValueError(
            'RandomKeyHook expects a dataset with set_random_key, such as '
            f'SequenceDataset, but got {type(dataset).__name__}'
        )
    return [keyed for one in inner for keyed in _keyed_datasets(one)]
