"""Isolate what length groups and frame packing save in a training step.

Three layouts of the same computation, with the same results:

- groups: packed frames, attention in groups of similar length (the package);
- masked: packed frames, attention with a key mask on the padded batch;
- padded: padded frames in every layer, attention with a key mask. Only batch
  normalization still sees the existing frames alone.

Each is timed forward and backward on one CPU thread, in processor time, the
three in turn and the median of several runs: four attention calls (two self,
two cross) alone, the encoder, and MASA's training step with Adam. Width 128,
8 heads, 4 blocks, batches of 64 sequences (the demo's have 16). As
``DualAugmentation`` does, each view drops up to half of the frames.

Ratios over groups, PyTorch 2.13 on one core of a busy virtual machine::

RESULTS

Example:
    python benchmarks/length_groups.py
    python benchmarks/length_groups.py demo --runs 9
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from unittest import mock

import numpy as np
import torch
from performance import CHANNELS, build_model, penn_lengths
from torch import Tensor

from masa.models import SequenceAligner
from masa.models.layers import FramePacking, attend, softmax_attention
from masa.structures import SequenceBatch

WIDTH, HEADS = 128, 8
CROSS = (False, True, False, True)
# Where the package packs frames for attention.
PACKED_IN = (
    'masa.models.backbones.context_aware_encoder',
    'masa.models.heads.cluster_predictor',
)
Result = Sequence[Tensor]


def batches() -> dict[str, np.ndarray]:
    """Return the lengths of the sequences of each batch."""
    rng = np.random.default_rng(0)
    # LengthBucketBatchSampler cuts sorted lengths into batches.
    like_penn = np.sort(penn_lengths(960)).reshape(15, 64)
    return {
        'demo': rng.integers(40, 101, 16),
        'uniform': rng.integers(20, 151, 64),
        'bucketed': like_penn[7],
        'long-tail': penn_lengths(64),
    }


def make_views(lengths: np.ndarray) -> list[SequenceBatch]:
    """Make two views of random frames, each of half to all of the frames."""
    rng = np.random.default_rng(0)
    views = []
    for _ in range(2):
        index = [
            np.sort(
                rng.permutation(length)[: length - int(drop * length)],
            )
            for length, drop in zip(
                lengths, rng.uniform(0, 0.5, len(lengths)), strict=True
            )
        ]
        views.append(
            SequenceBatch.from_sequences(
                [
                    torch.from_numpy(
                        rng.normal(size=(len(kept), CHANNELS))
                    ).float()
                    for kept in index
                ],
                [torch.from_numpy(kept) for kept in index],
                lengths.tolist(),
            )
        )
    return views


class MaskedPacking(FramePacking):
    """Packed frames whose attention runs on the padded batch."""

    def __init__(
        self,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
        paired: bool = False,
    ):
        super().__init__(mask, lengths, paired)
        self.mask = mask
        self.key_mask = None if self.is_dense else mask

    def groups(self, cross: bool = False) -> 'MaskedAttention':
        """Return the one padded batch in the place of groups."""
        paired = cross and self.paired
        return MaskedAttention(self.unpack, self.pack, self.key_mask, paired)


class PaddedPacking(MaskedPacking):
    """Frames that stay padded."""

    def pack(self, padded: Tensor) -> Tensor:
        """Lay out the padded frames side by side."""
        return padded.flatten(0, 1)

    def unpack(self, packed: Tensor) -> Tensor:
        """Put the padded frames back, and zeros into the padding."""
        padded = packed.unflatten(0, self.shape)
        exists = self.mask.reshape(*self.shape, *(1,) * (padded.ndim - 2))
        return torch.where(exists, padded, 0)

    def groups(self, cross: bool = False) -> 'MaskedAttention':
        """Return the one padded batch in the place of groups."""
        return MaskedAttention(
            # Between the layers the padding may hold anything.
            lambda packed: packed.unflatten(0, self.shape),
            self.pack,
            self.key_mask,
            cross and self.paired,
        )


class MaskedAttention:
    """Attention with a key mask on the padded batch."""

    def __init__(
        self,
        unpack: Callable[[Tensor], Tensor],
        pack: Callable[[Tensor], Tensor],
        key_mask: Tensor | None,
        paired: bool,
    ):
        self.unpack = unpack
        self.pack = pack
        self.key_mask = key_mask
        self.paired = paired

    def attend(
        self, attention: Callable, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Attend, as ``AttentionGroups.attend`` does."""
        query, key, value = (
            self.unpack(x).transpose(1, 2) for x in (query, key, value)
        )
        key_mask = self.key_mask
        if self.paired:
            half = len(key) // 2
            key, value = key.roll(half, 0), value.roll(half, 0)
            if key_mask is not None:
                key_mask = key_mask.roll(half, 0)
        message = attention(query, key, value, key_mask)
        return self.pack(message.transpose(1, 2))


LAYOUTS = dict(groups=FramePacking, masked=MaskedPacking, padded=PaddedPacking)


def attention_step(
    layout: type[FramePacking], views: list[SequenceBatch]
) -> Callable[[], Result]:
    """Make attention of both views, self and cross in turn.

    Returns:
        Callable[[], Result]: Runs it and gives the messages.
    """
    lengths = [n for view in views for n in view.host_lengths]
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    generator = torch.Generator().manual_seed(0)
    heads = torch.randn(
        3, *mask.shape, HEADS, WIDTH // HEADS, generator=generator
    )

    def run() -> Result:
        packing = layout(mask, lengths, paired=True)
        packed = [packing.pack(x).requires_grad_() for x in heads]
        messages = [
            attend(softmax_attention, *packed, packing, cross)
            for cross in CROSS
        ]
        sum(message.sum() for message in messages).backward()
        return [packing.unpack(x) for x in messages]

    return run


def encoder_step(
    layout: type[FramePacking], views: list[SequenceBatch]
) -> Callable[[], Result]:
    """Make forward and backward of the encoder; its run gives embeddings."""
    model = build_model().backbone
    view1, view2 = views

    def run() -> Result:
        model.zero_grad()
        with use(layout):
            embeddings = model(
                view1.values,
                view1.mask,
                view2.values,
                view2.mask,
                view1.host_lengths,
                view2.host_lengths,
            )
        sum(u.square().mean() for u in embeddings).backward()
        return [*embeddings, *(p.grad for p in model.parameters())]

    return run


def training_step(
    layout: type[FramePacking], views: list[SequenceBatch]
) -> Callable[[], Result]:
    """Make a step of MASA with Adam; its run gives the loss."""
    model: SequenceAligner = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def run() -> Result:
        optimizer.zero_grad()
        with use(layout):
            loss = model.loss(views)['loss']
        loss.backward()
        optimizer.step()
        return [loss]

    return run


def use(layout: type[FramePacking]) -> ExitStack:
    """Let the package's attention use a layout, as a context."""
    stack = ExitStack()
    for module in PACKED_IN:
        stack.enter_context(mock.patch(f'{module}.FramePacking', layout))
    return stack


PARTS = {
    'attention': attention_step,
    'encoder': encoder_step,
    'training step': training_step,
}


def compare(
    part: Callable, views: list[SequenceBatch], runs: int
) -> dict[str, float]:
    """Time the layouts in turn.

    Returns:
        dict[str, float]: Median seconds of each layout.

    Raises:
        AssertionError: If their results differ.
    """
    steps = {name: part(kind, views) for name, kind in LAYOUTS.items()}
    # The first run warms up, too.
    results = {name: step() for name, step in steps.items()}
    for name in LAYOUTS:
        torch.testing.assert_close(
            results[name], results['groups'], rtol=1e-3, atol=1e-5
        )
    seconds: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for _ in range(runs):
        for name, step in steps.items():
            start = time.process_time()
            step()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Measure and print."""
    lengths = batches()
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'batches',
        nargs='*',
        metavar='BATCH',
        help=f'some of {", ".join(lengths)} (default: all)',
    )
    parser.add_argument('--runs', type=int, default=5)
    args = parser.parse_args()
    unknown = set(args.batches) - lengths.keys()
    if unknown:
        parser.error(f'there is no batch {", ".join(sorted(unknown))}')
    torch.set_num_threads(1)
    print('| batch | part | groups, s | masked | padded |')
    print('| --- | --- | --- | --- | --- |')
    for batch in args.batches or lengths:
        views = make_views(lengths[batch])
        for name, part in PARTS.items():
            medians = compare(part, views, args.runs)
            groups, masked, padded = medians.values()
            print(
                f'| {batch} | {name} | {groups:.3g} | {masked / groups:.2f} '
                f'| {padded / groups:.2f} |',
                flush=True,
            )


if __name__ == '__main__':
    main()
