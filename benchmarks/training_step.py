"""Time and memory of a training step, against a plain reference.

All variants do the same training steps, with the same weights, on the same
batches of random sequences whose lengths are spread like Penn Action's, and
their losses are compared. The reference (plain_reference.py) builds every
matrix between frames, and pads to the longest sequence of the data set or, to
tell the two savings apart, of the batch only.

Example:
    python benchmarks/training_step.py --batch-size 16 --sequences 32
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dataset import DefaultSampler
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from plain_reference import pad_batch, plain_loss

import masa  # noqa: F401
from masa.datasets import LengthBucketBatchSampler
from masa.models.layers import AttentionGroups
from masa.structures import SequenceBatch, length_mask

SHORTEST, LONGEST = 20, 660
CHANNELS = 75
MEBIBYTE = 2**20

Batches = list[list[SequenceBatch]]


class Sequences:
    """Random sequences, of lengths like Penn Action's."""

    def __init__(self, number: int):
        rng = np.random.default_rng(0)
        lengths = rng.lognormal(4.1, 0.5, number).astype(int)
        self.lengths = lengths.clip(SHORTEST, LONGEST)

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


def build_model(args: argparse.Namespace) -> torch.nn.Module:
    """Build the aligner, the same at every call."""
    init_default_scope('mmaction')
    MMLogger.get_instance('benchmark', log_level='ERROR')
    torch.manual_seed(0)
    dims = dict(embed_dims=args.embed_dims, num_heads=args.num_heads)
    model = MODELS.build(
        dict(
            type='SequenceAligner',
            backbone=dict(
                type='ContextAwareEncoder', in_channels=CHANNELS, **dims
            ),
            neck=dict(type='ProjectionNeck', in_channels=args.embed_dims),
            head=dict(
                type='MASAHead',
                predictor=dict(type='ClusterPredictor', **dims),
            ),
        )
    )
    model.init_weights()
    return model.to(args.device)


def make_batches(args: argparse.Namespace) -> Batches:
    """Batch the views of one epoch as training does."""
    sequences = Sequences(args.sequences)
    preprocessor = MODELS.build(dict(type='SequenceDataPreprocessor'))
    preprocessor.to(args.device)
    sampler = LengthBucketBatchSampler(
        DefaultSampler(sequences, shuffle=True, seed=0), args.batch_size
    )
    batches = []
    for indices in sampler:
        views = []
        for number in (0, 1):
            records = [sequences.view(i, number) for i in indices]
            views.append(
                {key: [r[key] for r in records] for key in records[0]}
            )
        samples = [
            ActionDataSample(metainfo=dict(frame_dir=str(i))) for i in indices
        ]
        inputs = preprocessor(dict(inputs=views, data_samples=samples))
        batches.append(inputs['inputs'])
    return batches


def masa_step(model: torch.nn.Module, views: list[SequenceBatch]):
    """Compute the package's loss."""
    return model.loss(views)['loss']


def reference_step(model: torch.nn.Module, views: list[SequenceBatch]):
    """Compute the reference's loss."""
    return plain_loss(model, [pad_batch(view, LONGEST) for view in views])


def batch_reference_step(model: torch.nn.Module, views: list[SequenceBatch]):
    """Compute the reference's loss, padded to the batch's longest view."""
    longest = max(view.mask.shape[1] for view in views)
    return plain_loss(model, [pad_batch(view, longest) for view in views])


VARIANTS = {
    'masa': masa_step,
    'reference, padded to the data set': reference_step,
    'reference, padded to the batch': batch_reference_step,
}


def train_epoch(
    args: argparse.Namespace, loss_of: Callable, batches: Batches
) -> tuple[float, list[float]]:
    """Train a fresh model on every batch once.

    Returns:
        tuple[float, list[float]]: Seconds and the losses.
    """
    model = build_model(args)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    losses = []
    start = time.perf_counter()
    for views in batches:
        loss = loss_of(model, views)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return time.perf_counter() - start, losses


def measure_memory(args: argparse.Namespace, name: str, queue) -> None:
    """Put the memory in bytes that training added at its peak."""
    torch.set_num_threads(args.threads)
    build_model(args)
    batches = make_batches(args)
    if args.device == 'cpu':
        # Kibibytes on Linux, bytes on macOS.
        unit = 1 if sys.platform == 'darwin' else 1024
        usage = resource.getrusage
        before = usage(resource.RUSAGE_SELF).ru_maxrss
        train_epoch(args, VARIANTS[name], batches)
        after = usage(resource.RUSAGE_SELF).ru_maxrss
        # A fresh process reports no less than what its parent held.
        queue.put((after - before) * unit)
    else:
        before = torch.cuda.memory_allocated()
        train_epoch(args, VARIANTS[name], batches)
        queue.put(torch.cuda.max_memory_allocated() - before)


def peak_memory(args: argparse.Namespace, name: str) -> int:
    """Measure a variant in a process of its own."""
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=measure_memory, args=(args, name, queue))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(
            f'the process that measured {name} ended with exit code '
            f'{process.exitcode}; out of memory? Try a smaller --batch-size'
        )
    return queue.get()


def padding_shares(batches: Batches, lengths: np.ndarray) -> dict[str, float]:
    """Measure how much of what is computed is padding."""
    frames = sum(int(v.mask.sum()) for views in batches for v in views)
    # The encoder runs both views of a batch at one length.
    sizes = [
        (2 * len(views[0].mask), max(v.mask.shape[1] for v in views))
        for views in batches
    ]
    rows = sum(number for number, _ in sizes)
    layouts = []
    for views in batches:
        length = max(v.mask.shape[1] for v in views)
        mask = torch.cat([length_mask(v.lengths, length) for v in views])
        layouts += AttentionGroups(mask).shapes
    grouped = sum(number * length for number, length, _ in layouts)
    originals = [views[0].num_frames for views in batches]
    padded = sum(int(t.max()) * len(t) for t in originals)
    return {
        'sequences, batched by length': 1 - lengths.sum() / padded,
        'views, batched by length': 1
        - frames / sum(number * length for number, length in sizes),
        'views, in groups of attention': 1 - frames / grouped,
        'views, padded to the longest': 1 - frames / (rows * LONGEST),
    }


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--sequences', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--embed-dims', type=int, default=128)
    parser.add_argument('--num-heads', type=int, default=8)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    # First, while this process itself is small.
    peak = {name: peak_memory(args, name) for name in VARIANTS}
    build_model(args)
    batches = make_batches(args)
    train_epoch(args, masa_step, batches)
    seconds = {name: [] for name in VARIANTS}
    losses = {}
    # In turns, so that whatever else the machine does meets both.
    for _ in range(args.repeats):
        for name, loss_of in VARIANTS.items():
            elapsed, losses[name] = train_epoch(args, loss_of, batches)
            seconds[name].append(elapsed / len(batches))
    median = {name: statistics.median(s) for name, s in seconds.items()}
    expected = np.array(losses['masa'])
    gap = max(abs(np.array(x) / expected - 1).max() for x in losses.values())
    print(
        f'{len(batches)} steps of {args.batch_size} sequences, '
        f'{args.embed_dims} channels, {args.num_heads} heads; '
        f'{args.device}, {args.threads} threads, torch {torch.__version__}'
    )
    print(f'largest relative difference between the losses: {gap:.1e}')
    for name, share in padding_shares(
        batches, Sequences(args.sequences).lengths
    ).items():
        print(f'padding of {name}: {share:.1%}')
    for name in VARIANTS:
        spread = ', '.join(f'{s:.2f}' for s in seconds[name])
        time_ratio = median[name] / median['masa']
        memory_ratio = peak[name] / peak['masa']
        print(
            f'{name}: {median[name]:.3f} s a step (median of {spread}), '
            f'{peak[name] / MEBIBYTE:.0f} MiB at the peak; '
            f'{time_ratio:.1f} x the time, {memory_ratio:.1f} x the memory'
        )


if __name__ == '__main__':
    main()
