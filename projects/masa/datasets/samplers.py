from collections.abc import Iterator

import numpy as np
from mmengine.dataset import DefaultSampler
from torch.utils.data import Sampler

from ..bucketing import bucket_sizes
from ..registry import DATA_SAMPLERS
from ..support.argument_checks import check_range


@DATA_SAMPLERS.register_module()
class LengthBucketBatchSampler(Sampler[list[int]]):
    """Batch sequences of similar length, so that little is padded.

    All sequences are sorted by length, blurred a little, and cut into
    batches, which are shuffled. All processes of a distributed run get the
    same number of batches, alike in length. What a batch still pads costs no
    attention: see :class:`~masa.models.layers.AttentionGroups`.

    Args:
        sampler (DefaultSampler): MMEngine's sampler, which knows the data
            set, the seed, the epoch and the process. The dataset must have
            ``lengths``, the number of frames of every sample.
        batch_size (int): Most sequences in a batch.
        max_padding (float): Largest share of a batch that may be padding,
            before the blur, in [0, 1]. Below 1, the few longest sequences
            come in small batches, which saves memory and trains worse
            (docs/training.md). Defaults to 1.0: every batch is full.
        blur (float): Largest share by which a length is blurred, not
            negative, so that other sequences meet in every epoch. Defaults to
            0.05; not used where the sampler does not shuffle.

    Raises:
        ValueError: If ``batch_size`` is below 1, ``max_padding`` is outside
            [0, 1], ``blur`` is negative, the sampler is another, or the data
            set has no ``lengths``.
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
        # Without the blur, or else an epoch's number of batches would vary,
        # and with it the schedule. Of several processes, the first has the
        # longest of each group.
        self.sizes = bucket_sizes(
            -np.sort(-self.lengths)[:: sampler.world_size],
            batch_size,
            max_padding,
        )

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of the samples of each batch of an epoch."""
        sampler = self.sampler
        # The same in every process, so that their batches are alike in
        # length and none waits for another.
        generator = np.random.default_rng([sampler.seed, sampler.epoch])
        blur = 1 + generator.uniform(-self.blur, self.blur, len(self.lengths))
        order = np.argsort(-self.lengths * blur, kind='stable')
        # As many for every process: the shortest sequence fills up.
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
