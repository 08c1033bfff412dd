"""Compare speed and memory with a plain implementation.

Prints the tables of docs/performance.md. All data are random, in the shape of
Penn Action's. Run it on an idle machine.

Example:
    python benchmarks/performance.py
    python benchmarks/performance.py step memory --threads 2
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from plain_reference import loop_retrieval, loop_tau, pad_batch, plain_loss

from masa.datasets import save_annotations
from masa.datasets.skeletons import PENN_ACTION
from masa.evaluation.functional import (
    kendalls_tau,
    sequence_retrieval_precision,
)
from masa.models import SequenceAligner
from masa.structures import SequenceBatch

ROOT = Path(__file__).resolve().parents[1]
# Quantiles of the lengths of Penn Action's 1,258 training sequences.
SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
LENGTHS = (18, 31, 44, 57, 77, 138, 309, 657)
CHANNELS = 75
KS = (5, 10, 15)
Rows = list[tuple[str, float, float | None]]


def penn_lengths(number: int, longest: int = LENGTHS[-1]) -> np.ndarray:
    """Draw lengths that are spread as Penn Action's, (number,) int64."""
    # Geometric between the quantiles: the tail is long.
    logs = np.interp(np.linspace(0, 1, number), SHARES, np.log(LENGTHS))
    lengths = np.exp(logs).round().astype(np.int64).clip(max=longest)
    return np.random.default_rng(0).permutation(lengths)


def build_model() -> SequenceAligner:
    """Build the same small MASA at every call: 128 channels, 8 heads."""
    init_default_scope('mmaction')
    # Or else it lists how every weight is initialized.
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
    return model


def random_views(lengths: Sequence[int], keep: float) -> list[SequenceBatch]:
    """Make two padded views of sequences, of a share of their frames each."""
    rng = np.random.default_rng(0)
    views = []
    for _ in range(2):
        kept = [max(1, round(keep * length)) for length in lengths]
        shape = len(lengths), max(kept)
        index = np.zeros(shape, dtype=np.int64)
        mask = np.zeros(shape, dtype=bool)
        for row, (length, count) in enumerate(zip(lengths, kept, strict=True)):
            index[row, :count] = np.sort(rng.permutation(length)[:count])
            mask[row, :count] = True
        values = rng.normal(size=(*shape, CHANNELS)).astype(np.float32)
        views.append(
            SequenceBatch(
                torch.from_numpy(values),
                torch.from_numpy(mask),
                torch.from_numpy(index),
                torch.tensor(lengths),
            )
        )
    return views


def our_loss(model: SequenceAligner, views: list[SequenceBatch]):
    """Compute the training loss with the package."""
    return model.loss(views)['loss']


def padded_loss(length: int) -> Callable:
    """Make the plain loss of views that are padded to one length."""
    return lambda model, views: plain_loss(
        model, [pad_batch(view, length) for view in views]
    )


def step_seconds(loss_of: Callable, views: list[SequenceBatch]) -> float:
    """Time forward, backward and Adam, after a step that warms up."""
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    for _ in range(2):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss_of(model, views).backward()
        optimizer.step()
    return time.perf_counter() - start


def training_step(batch: int = 16, batches: int = 8) -> Rows:
    """Compare training steps on batches of sequences of like length."""
    lengths = np.sort(penn_lengths(batch * batches)).reshape(batches, batch)
    groups = [random_views(group.tolist(), 0.75) for group in lengths]
    longest = round(0.75 * LENGTHS[-1])
    ours = statistics.mean(step_seconds(our_loss, g) for g in groups)
    to_batch = statistics.mean(
        step_seconds(padded_loss(g[0].mask.shape[1]), g) for g in groups
    )
    # Every step costs the same.
    to_data_set = step_seconds(padded_loss(longest), groups[0])
    return [
        ('step, plain and padded to the batch', ours, to_batch),
        ('step, plain and padded to the data set', ours, to_data_set),
    ]


def peak_of_step(ours: bool, length: int, pairs: int, threads: int) -> float:
    """Measure the GiB that a step adds, in a process that did nothing else."""
    torch.set_num_threads(threads)
    views = random_views([length] * pairs, 1.0)
    loss_of = our_loss if ours else padded_loss(length)
    # What libraries take for themselves once is not the step's.
    step_seconds(our_loss, random_views([8, 8], 1.0))
    before = _resident('VmRSS')
    # Linux forgets the peak so far.
    Path('/proc/self/clear_refs').write_text('5')
    model = build_model()
    loss_of(model, views).backward()
    return (_resident('VmHWM') - before) / 2**30


def _resident(field: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field))
    return int(line.split()[1]) * 1024


def memory(lengths: Sequence[int] = (510, 1020, 2039), pairs: int = 4) -> Rows:
    """Compare the peak memory of a step, GiB; the last one is ours alone."""

    def measure(*args) -> float:
        context = multiprocessing.get_context('spawn')
        with ProcessPoolExecutor(1, context) as pool:
            return pool.submit(
                peak_of_step, *args, torch.get_num_threads()
            ).result()

    rows: Rows = [
        (
            f'{pairs} pairs of {length:,} frames, GiB',
            measure(True, length, pairs),
            measure(False, length, pairs),
        )
        for length in lengths
    ]
    longest = 2 * lengths[-1]
    ours = measure(True, longest, pairs)
    return [*rows, (f'{pairs} pairs of {longest:,} frames, GiB', ours, None)]


def evaluation(sequences: int = 160, subset: int = 24) -> Rows:
    """Compare Kendall's tau and AP@K with loops over SciPy, s."""
    rng = np.random.default_rng(0)
    lengths = penn_lengths(sequences)
    embeddings = [
        rng.normal(size=(length, 128)).astype(np.float32) for length in lengths
    ]
    phases = [4 * np.arange(length) // length for length in lengths]
    few = embeddings[:subset]
    rows: Rows = []
    ours, found = _timed(kendalls_tau, few, 1)
    plain, expected = _timed(loop_tau, few, 1)
    np.testing.assert_allclose(found.tau, expected, atol=1e-12)
    rows.append((f"Kendall's tau of {subset} sequences", ours, plain))
    ours, found = _timed(sequence_retrieval_precision, embeddings, phases, KS)
    plain, expected = _timed(loop_retrieval, embeddings, phases, 0, KS)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
    # Of one sequence's frames; all of them ask all others.
    plain *= sum(lengths) / lengths[0]
    rows.append((f'frame retrieval of {sequences} sequences', ours, plain))
    return rows


def _timed(function: Callable, *args) -> tuple[float, object]:
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def write_sequences(path: Path, number: int) -> None:
    """Write an annotation file of random 2D joints, all for training."""
    rng = np.random.default_rng(0)
    joints = len(PENN_ACTION['joints'])
    records = [
        dict(
            frame_dir=str(i),
            total_frames=int(length),
            keypoint=rng.normal(size=(1, length, joints, 2)).astype('f4'),
            keypoint_score=np.ones((1, length, joints), 'f4'),
        )
        for i, length in enumerate(penn_lengths(number))
    ]
    save_annotations(
        dict(
            split=dict(train=[one['frame_dir'] for one in records]),
            annotations=records,
            skeleton=PENN_ACTION,
        ),
        path,
    )


def run_training(folder: Path, annotations: Path, *options: str) -> float:
    """Run tools/train.py without validation; return its seconds."""
    command = [
        *(sys.executable, '-W', 'ignore', 'tools/train.py'),
        *('configs/masa_penn_pose2d.py', '--no-validate'),
        *('--work-dir', str(folder), '--cfg-options'),
        f'train_dataloader.dataset.ann_file={annotations}',
        *options,
    ]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | dict(OMP_NUM_THREADS=str(torch.get_num_threads())),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f'{" ".join(command)} failed:\n{done.stderr[-2000:]}')
    return time.perf_counter() - start


def loading(sequences: int = 1172) -> Rows:
    """Measure the share of training that waits for data, two workers."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sequences(folder / 'all.pkl', sequences)
        shares = {}
        for collate in ('collate_for_transport', 'pseudo_collate'):
            run_training(
                folder / collate,
                folder / 'all.pkl',
                'train_cfg.max_epochs=2',
                'default_hooks.logger.interval=1',
                f'train_dataloader.collate_fn.type={collate}',
            )
            (log,) = (folder / collate).glob('*/vis_data/scalars.json')
            lines = map(json.loads, log.read_text().splitlines())
            steps = [line for line in lines if 'data_time' in line]
            # The first ones wait for the workers to start.
            late = steps[len(steps) // 2 :]
            shares[collate] = sum(s['data_time'] for s in late) / sum(
                s['time'] for s in late
            )
        rows.append(
            (
                "share of waiting for data, MMEngine's pseudo_collate",
                shares['collate_for_transport'],
                shares['pseudo_collate'],
            )
        )
    return rows


# What every training of MMAction2 imports and makes.
FLOOR = (
    'import torch, mmengine.runner, mmaction.datasets; '
    'torch.optim.Adam([torch.zeros(1, requires_grad=True)])'
)


def startup(repeats: int = 3) -> Rows:
    """Measure a training of one step, start included, and its floor, s."""
    ours, floor = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sequences(folder / 'all.pkl', 64)
        for number in range(repeats):
            ours.append(
                run_training(
                    folder / str(number),
                    folder / 'all.pkl',
                    'train_cfg.max_epochs=1',
                    'train_dataloader.num_workers=0',
                    'train_dataloader.persistent_workers=False',
                )
            )
            command = [sys.executable, '-W', 'ignore', '-c', FLOOR]
            floor.append(_timed(subprocess.run, command)[0])
    return [
        (
            'training of one step; importing PyTorch, MMEngine, MMAction2',
            statistics.median(ours),
            statistics.median(floor),
        )
    ]


SECTIONS = dict(
    step=training_step,
    memory=memory,
    evaluation=evaluation,
    loading=loading,
    startup=startup,
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'sections',
        nargs='*',
        metavar='SECTION',
        help=f'some of {", ".join(SECTIONS)} (default: all)',
    )
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    args = parser.parse_args()
    unknown = set(args.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f'there is no section {", ".join(sorted(unknown))}')
    torch.set_num_threads(args.threads)
    print(f'\n| {args.threads} threads | masa | reference | ratio |')
    print('| --- | --- | --- | --- |')
    for section in args.sections or SECTIONS:
        for name, ours, reference in SECTIONS[section]():
            cells = [f'{ours:.3g}', '', '']
            if reference is not None:
                cells[1:] = f'{reference:.3g}', f'{reference / ours:.3g}'
            print(f'| {name} | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
