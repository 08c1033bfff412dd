from collections.abc import Iterator

import numpy as np
from mmengine.dataset import DefaultSampler
from torch.utils.data import Sampler

from ..bucketing import bucket_sizes
from ..registry import DATA_SAMPLERS
from ..support.argument_checks import check_range


@DATA_SAMPLERS.register_module()
class LengthBucketBatchSampler(Sampler[list[int]]):
    """Batch sequences of similar length to reduce padding.

    Sequences are sorted by length with some random jitter and cut into
    batches, which are shuffled. All processes of a distributed run get equally
    many batches of similar lengths. Remaining padding costs no attention: see
    :class:`~masa.models.layers.AttentionGroups`.

    Args:
        sampler (DefaultSampler): MMEngine's sampler, the source of dataset,
            seed, epoch and process. The dataset must have ``lengths``, the
            numbers of frames of its samples.
        batch_size (int): Largest number of sequences in a batch.
        max_padding (float): Largest share of padding in a batch, before
            jitter, in [0, 1]. Below 1, the few longest sequences form small
            batches, which saves memory but trains worse (docs/training.md).
            Defaults to 1.0: every batch is full.
        blur (float): Largest relative jitter of a length, not negative, which
            varies the composition of batches between epochs. Defaults to 0.05;
            0 if the sampler does not shuffle.

    Raises:
        ValueError: If an argument is out of range, the sampler is no
            ``DefaultSampler``, or the dataset has no ``lengths``.
    """

    def __init__(
        self,
        sampler: DefaultSampler,
        batch_size: int,
        max_padding: float = 1.0,
        blur: float = 0.05,
    ):
        check_range('batch_size', batch_size, 1)
        check_range('max_padding', max_padding, 0, 1)
        check_range('blur', blur, 0)
        if not isinstance(sampler, DefaultSampler):
            raise ValueError(
                "LengthBucketBatchSampler expects MMEngine's DefaultSampler, "
                f'but got {type(sampler).__name__}'
            )
        lengths = getattr(sampler.dataset, 'lengths', None)
        if lengths is None:
            raise ValueError(
                'LengthBucketBatchSampler expects a dataset with `lengths`, '
                'such as SequenceDataset, but got '
                f'{type(sampler.dataset).__name__}'
            )
        self.sampler = sampler
        self.blur = blur if sampler.shuffle else 0.0
        self.lengths = np.asarray(lengths)
        # Without jitter, so that the number of batches, and thus the schedule,
        # is the same in every epoch. The first process has the longest
        # sequence of each group.
        self.sizes = bucket_sizes(
            -np.sort(-self.lengths)[:: sampler.world_size],
            batch_size,
            max_padding,
        )

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of the samples of each batch of an epoch."""
        sampler = self.sampler
        # The same in all processes, so that their batches have similar lengths
        # and none waits.
        generator = np.random.default_rng([sampler.seed, sampler.epoch])
        blur = 1 + generator.uniform(-self.blur, self.blur, len(self.lengths))
        order = np.argsort(-self.lengths * blur, kind='stable')
        # Repeat the shortest sequence to get equal shares for all processes.
        missing = -len(order) % sampler.world_size
        order = np.pad(order, (0, missing), mode='edge')
        own = order[sampler.rank :: sampler.world_size]
        batches = np.split(own, np.cumsum(self.sizes)[:-1])
        if sampler.shuffle:
            generator.shuffle(batches)
        for batch in batches:
            yield batch.tolist()

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.sizes)
