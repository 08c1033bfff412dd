import math
from collections.abc import Iterator

import numpy as np
from mmaction.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, Sampler


@DATA_SAMPLERS.register_module()
class LengthBucketBatchSampler(BatchSampler):
    """Batches sequences of similar length, so that little is padded.

    The order that the sampler gives, shuffled anew each epoch, is cut into
    pools of ``bucket_size`` batches. Each pool is sorted by length, blurred a
    little, and cut into batches, and the batches are shuffled. Hence which
    sequences meet changes from epoch to epoch even where one pool holds all.

    Args:
        sampler (Sampler): MMEngine's ``DefaultSampler``, which knows the data
            set, the seed and the epoch. The data set must have ``lengths``,
            the number of frames of every sample.
        batch_size (int): Sequences in a batch.
        drop_last (bool): Whether to leave out the sequences that fill no
            batch, others in every epoch. If False, the last pool's batches
            are smaller, equally so. Defaults to False.
        bucket_size (int): Batches in a pool: 1 does not sort at all, many
            give the least padding. Defaults to 64.
        blur (float): Largest share by which a length is blurred, not
            negative. At 0 one pool gives the same batches in every epoch.
            Defaults to 0.05.

    Raises:
        ValueError: If ``bucket_size`` is below 1, ``blur`` is negative, or
            the data set has no ``lengths``.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        drop_last: bool = False,
        bucket_size: int = 64,
        blur: float = 0.05,
    ):
        super().__init__(sampler, batch_size, drop_last)
        if bucket_size < 1:
            raise ValueError(
                'bucket_size is expected to be 1 or more, but got '
                f'{bucket_size}'
            )
        if not blur >= 0:
            raise ValueError(
                f'blur is expected not to be negative, but got {blur}'
            )
        lengths = getattr(sampler.dataset, 'lengths', None)
        if lengths is None:
            raise ValueError(
                'LengthBucketBatchSampler expects a data set with `lengths`, '
                'such as SequenceDataset, but got '
                f'{type(sampler.dataset).__name__}'
            )
        self.lengths = np.asarray(lengths)
        self.pool_size = bucket_size * batch_size
        self.blur = blur

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of one epoch.

        Yields:
            list[int]: Indices of the samples of a batch.
        """
        order = np.fromiter(self.sampler, dtype=np.int64)
        if self.drop_last:
            # Before the sorting, which would single out the longest.
            order = order[: len(self) * self.batch_size]
        # The same in every process, so that their batches are alike in
        # length and none waits for another.
        generator = np.random.default_rng(
            [self.sampler.seed, self.sampler.epoch]
        )
        batches = []
        for start in range(0, len(order), self.pool_size):
            pool = order[start : start + self.pool_size]
            blur = 1 + generator.uniform(-self.blur, self.blur, len(pool))
            pool = pool[np.argsort(self.lengths[pool] * blur, kind='stable')]
            batches += np.array_split(
                pool, math.ceil(len(pool) / self.batch_size)
            )
        generator.shuffle(batches)
        yield from (batch.tolist() for batch in batches)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        if self.drop_last:
            return len(self.sampler) // self.batch_size
        return math.ceil(len(self.sampler) / self.batch_size)
