"""Random sequences of the shape of Penn Action, and the model to train."""

from collections.abc import Iterator

import numpy as np
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dataset import DefaultSampler
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

import masa.registration  # noqa: F401
from masa.datasets import LengthBucketBatchSampler
from masa.models import SequenceAligner
from masa.structures import SequenceBatch

# Quantiles of the lengths of Penn Action's 1,258 training sequences, in
# frames.
SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
LENGTHS = (18, 31, 44, 57, 77, 138, 309, 657)
LONGEST = LENGTHS[-1]
CHANNELS = 75

Batches = list[list[SequenceBatch]]


def penn_lengths(number: int, longest: int = LONGEST) -> np.ndarray:
    """Return lengths that are spread as Penn Action's.

    Args:
        number (int): Number of sequences.
        longest (int): Longer ones are cut.

    Returns:
        np.ndarray: Numbers of frames, shuffled, (number,) int64. The longest
        is among them.
    """
    shares = np.linspace(0, 1, number)
    # Geometric between the quantiles: the tail is long.
    lengths = np.exp(np.interp(shares, SHARES, np.log(LENGTHS)))
    lengths = lengths.round().astype(np.int64).clip(max=longest)
    return np.random.default_rng(0).permutation(lengths)


class _Sequences:
    """What LengthBucketBatchSampler needs of a data set."""

    def __init__(self, lengths: np.ndarray):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def view(self, index: int, number: int) -> dict:
        """Return a view that lost up to half of its frames."""
        length = self.lengths[index]
        rng = np.random.default_rng([index, number])
        kept = length - int(rng.uniform(0, 0.5) * length)
        values = rng.normal(size=(kept, CHANNELS)).astype(np.float32)
        frames = np.sort(rng.permutation(length)[:kept])
        return dict(
            values=torch.from_numpy(values),
            frame_index=torch.from_numpy(frames),
            num_frames=int(length),
        )


def penn_batches(
    number: int, batch_size: int, device: str, longest: int = LONGEST
) -> Batches:
    """Batch the views of one epoch as training does.

    Args:
        number (int): Number of sequences.
        batch_size (int): Sequences in a batch.
        device (str): Where the batches are.
        longest (int): Longest sequence.

    Returns:
        Batches: Two views a batch.
    """
    init_default_scope('mmaction')
    sequences = _Sequences(penn_lengths(number, longest))
    preprocessor = MODELS.build(dict(type='SequenceDataPreprocessor'))
    preprocessor.to(device)
    sampler = LengthBucketBatchSampler(
        DefaultSampler(sequences, shuffle=True, seed=0), batch_size
    )
    batches = []
    for indices in sampler:
        views = []
        for view in (0, 1):
            records = [sequences.view(i, view) for i in indices]
            views.append(
                {key: [r[key] for r in records] for key in records[0]}
            )
        samples = [
            ActionDataSample(metainfo=dict(frame_dir=str(i))) for i in indices
        ]
        inputs = preprocessor(dict(inputs=views, data_samples=samples))
        batches.append(inputs['inputs'])
    return batches


def full_views(number: int, length: int, device: str) -> list[SequenceBatch]:
    """Make two views of sequences that kept every frame.

    Args:
        number (int): Number of pairs.
        length (int): Frames of each.
        device (str): Where they are.

    Returns:
        list[SequenceBatch]: Two views.
    """
    generator = torch.Generator().manual_seed(0)
    shape = number, length
    return [
        SequenceBatch(
            torch.randn(*shape, CHANNELS, generator=generator).to(device),
            torch.ones(shape, dtype=torch.bool, device=device),
            torch.arange(length, device=device).repeat(number, 1),
            torch.full((number,), length, device=device),
        )
        for _ in range(2)
    ]


def parts_of(
    views: list[SequenceBatch], size: int
) -> Iterator[list[SequenceBatch]]:
    """Cut a batch into smaller ones.

    Args:
        views (list[SequenceBatch]): Two views.
        size (int): Most sequences of a part.

    Yields:
        list[SequenceBatch]: Two views of some of the sequences.
    """
    for start in range(0, len(views[0].mask), size):
        yield [
            SequenceBatch(
                *(None if x is None else x[start : start + size] for x in view)
            )
            for view in views
        ]


def build_model(device: str) -> SequenceAligner:
    """Build the aligner of configs/_base_/models, the same at every call.

    Args:
        device (str): Where it is.

    Returns:
        SequenceAligner: 128 channels, 8 heads.
    """
    init_default_scope('mmaction')
    MMLogger.get_instance('benchmark', log_level='ERROR')
    torch.manual_seed(0)
    dims = dict(embed_dims=128, num_heads=8)
    model = MODELS.build(
        dict(
            type='SequenceAligner',
            backbone=dict(
                type='ContextAwareEncoder', in_channels=CHANNELS, **dims
            ),
            neck=dict(type='ProjectionNeck', in_channels=128),
            head=dict(
                type='MASAHead',
                predictor=dict(type='ClusterPredictor', **dims),
            ),
        )
    )
    model.init_weights()
    return model.to(device)
