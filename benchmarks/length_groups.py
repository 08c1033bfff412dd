"""Isolate what length groups and frame packing save in a training step.

Three layouts of the same computation, with the same results:

- groups: packed frames, attention in groups of similar length (the package);
- masked: packed frames, attention with a key mask on the padded batch;
- padded: padded frames in every layer, attention with a key mask. Only batch
  normalization still sees the existing frames alone.

Each is timed forward and backward on one CPU thread, in processor time, the
three in turn and the median of several runs: four attention calls (two self,
two cross) alone, the encoder, and MASA's training step with Adam. Width 128,
8 heads, 4 blocks. As ``DualAugmentation`` does, each view drops up to half of
the frames. The batches:

- demo: 16 sequences of 40 to 100 frames;
- uniform: 64 sequences of 20 to 150 frames;
- long-tail: 64 sequences as long as Penn Action's, 18 to 657 frames;
- epoch: 15 batches of 64 such sequences, as ``LengthBucketBatchSampler`` cuts
  them, together.

Seconds of groups, and how many times as long the other two take. PyTorch 2.13
on one core of a busy virtual machine; demo and uniform with ``--runs 3``,
the others with ``--runs 1``::

    | batch     | part      | groups, s | masked | padded |
    | demo      | attention |    0.0546 |   1.84 |   1.39 |
    | demo      | encoder   |     0.155 |   1.19 |   1.75 |
    | demo      | step      |     0.272 |   1.15 |   1.53 |
    | uniform   | attention |     0.287 |   2.31 |   1.83 |
    | uniform   | encoder   |     0.793 |   1.41 |   2.07 |
    | uniform   | step      |       1.4 |   1.32 |   1.86 |
    | long-tail | attention |      0.56 |  13.20 |  12.35 |
    | long-tail | step      |      1.96 |   5.40 |   8.57 |
    | epoch     | step      |      17.9 |   1.49 |   1.90 |

So without groups a training step on Penn Action takes about 1.5 times as
long, and without packing 1.3 times as long again; both stay.

Example:
    python benchmarks/length_groups.py
    python benchmarks/length_groups.py demo uniform --parts step --runs 9
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
Step = Callable[[list[SequenceBatch]], Sequence[Tensor]]


def batches() -> dict[str, list[np.ndarray]]:
    """Return lists of batches, as the lengths of their sequences."""
    rng = np.random.default_rng(0)
    return {
        'demo': [rng.integers(40, 101, 16)],
        'uniform': [rng.integers(20, 151, 64)],
        'long-tail': [penn_lengths(64)],
        # LengthBucketBatchSampler cuts sorted lengths into batches.
        'epoch': list(np.sort(penn_lengths(960)).reshape(15, 64)),
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


def attention_step(layout: type[FramePacking]) -> Step:
    """Make attention of both views, self and cross; it gives the messages."""

    def run(views: list[SequenceBatch]) -> Sequence[Tensor]:
        lengths = [n for view in views for n in view.host_lengths]
        mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        generator = torch.Generator().manual_seed(0)
        heads = torch.randn(
            3, *mask.shape, HEADS, WIDTH // HEADS, generator=generator
        )
        packing = layout(mask, lengths, paired=True)
        packed = [packing.pack(x).requires_grad_() for x in heads]
        messages = [
            attend(softmax_attention, *packed, packing, cross)
            for cross in CROSS
        ]
        sum(message.sum() for message in messages).backward()
        return [packing.unpack(x) for x in messages]

    return run


def encoder_step(layout: type[FramePacking]) -> Step:
    """Make forward and backward of the encoder; it gives the embeddings."""
    model = build_model().backbone

    def run(views: list[SequenceBatch]) -> Sequence[Tensor]:
        view1, view2 = views
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
        return embeddings

    return run


def training_step(layout: type[FramePacking]) -> Step:
    """Make a step of MASA with Adam; it gives the loss."""
    model: SequenceAligner = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def run(views: list[SequenceBatch]) -> Sequence[Tensor]:
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
    'step': training_step,
}


def compare(
    make_step: Callable[[type[FramePacking]], Step],
    epoch: list[list[SequenceBatch]],
    runs: int,
) -> dict[str, float]:
    """Time the layouts in turn.

    Args:
        make_step (Callable): Makes a step of a layout.
        epoch (list[list[SequenceBatch]]): The two views of each batch.
        runs (int): How often to go through the batches.

    Returns:
        dict[str, float]: Median seconds of each layout.

    Raises:
        AssertionError: If their results differ.
    """
    steps = {name: make_step(kind) for name, kind in LAYOUTS.items()}
    # The first step warms up, too.
    results = {name: step(epoch[0]) for name, step in steps.items()}
    for name in LAYOUTS:
        torch.testing.assert_close(
            results[name], results['groups'], rtol=1e-4, atol=1e-4
        )
    seconds = []
    for _ in range(runs):
        total = dict.fromkeys(LAYOUTS, 0.0)
        for views in epoch:
            for name, step in steps.items():
                start = time.process_time()
                step(views)
                total[name] += time.process_time() - start
        seconds.append(total)
    return {
        name: statistics.median(total[name] for total in seconds)
        for name in LAYOUTS
    }


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
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=[*PARTS])
    parser.add_argument('--runs', type=int, default=3)
    args = parser.parse_args()
    unknown = set(args.batches) - lengths.keys()
    if unknown:
        parser.error(f'there is no batch {", ".join(sorted(unknown))}')
    torch.set_num_threads(1)
    print('| batch | part | groups, s | masked | padded |')
    print('| --- | --- | --- | --- | --- |')
    for batch in args.batches or lengths:
        epoch = [make_views(one) for one in lengths[batch]]
        for name in args.parts:
            medians = compare(PARTS[name], epoch, args.runs)
            groups, masked, padded = medians.values()
            print(
                f'| {batch} | {name} | {groups:.3g} | {masked / groups:.2f} '
                f'| {padded / groups:.2f} |',
                flush=True,
            )


if __name__ == '__main__':
    main()
