from collections.abc import Sequence
from typing import Any

from mmengine.dataset import BaseDataset, ConcatDataset, force_full_init

from ..registry import DATASETS


@DATASETS.register_module()
class InterleavedDataset(ConcatDataset):
    """Mix datasets in fixed proportions within every batch.

    Sample i is the next one of dataset ``pattern[i % len(pattern)]``. With a
    sampler that does not shuffle, a batch of a multiple of ``len(pattern)``
    samples has exactly these proportions, and samples in a row of one dataset
    stay close together.

    It ends with the last complete round of the pattern that all datasets have
    samples for.

    Args:
        datasets (Sequence[dict | BaseDataset]): The datasets.
        pattern (Sequence[int]): Indices of the datasets, every one at least
            once: ``(0, 0, 1)`` takes two thirds of the first and one third of
            the second.
        **kwargs (Any): Of MMEngine's ``ConcatDataset``.

    Raises:
        ValueError: If the pattern has another index, or lacks a dataset.
    """

    def __init__(
        self,
        datasets: Sequence[dict | BaseDataset],
        pattern: Sequence[int],
        **kwargs: Any,
    ):
        if set(pattern) != set(range(len(datasets))):
            raise ValueError(
                'pattern is expected to hold every index of the '
                f'{len(datasets)} datasets, from 0, but got {pattern!r}'
            )
        self.pattern = tuple(pattern)
        super().__init__(datasets, **kwargs)

    @force_full_init
    def __len__(self) -> int:
        """Return the number of samples of complete rounds."""
        rounds = min(
            len(dataset) // self.pattern.count(i)
            for i, dataset in enumerate(self.datasets)
        )
        return rounds * len(self.pattern)

    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        """Return which dataset a sample is of, and its index in that."""
        if not -len(self) <= idx < len(self):
            raise IndexError(
                f'index {idx} is outside a dataset of {len(self)} samples'
            )
        done, place = divmod(idx % len(self), len(self.pattern))
        dataset = self.pattern[place]
        before = self.pattern[:place].count(dataset)
        return dataset, done * self.pattern.count(dataset) + before
