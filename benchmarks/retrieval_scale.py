"""Compare the frame index with brute-force search in a million frames.

Sequences are performances of random activities that the pretrained model
embedded, each many times: at a tempo of its own, with an offset for who
performs it and noise in every frame, on the sphere again. Queries are all
frames of some sequences, and the frames of their own sequence are left out.
Brute force computes all distances in float32 by matrix products, block by
block, and takes the smallest.

Example:
    python benchmarks/retrieval_scale.py --frames 1000000
    python benchmarks/retrieval_scale.py --factories Flat IVF1024,Flat
"""

import argparse
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch

import masa
from masa.alignment.resampling import resample
from masa.apis import FrameIndex
from masa.datasets.random_activities import draw_activity, draw_performance

SHORTEST, LONGEST = 50, 150
ACTIVITIES = 400
# Norms of what is added to embeddings, whose norm is 1.
OFFSET, NOISE = 0.3, 0.1
# Frames of each sequence that are searched one by one.
ALONE = 20
# Distances of one block of brute force.
BLOCK_ENTRIES = 2**26


def make_sequences(frames: int) -> list[np.ndarray]:
    """Return embedded sequences of that many frames together."""
    rng = np.random.default_rng(0)
    model = masa.load(layout='PENN_ACTION', frame_rate=30)
    performances = [
        one.embedding
        for one in model.embed(
            [
                draw_performance(draw_activity(rng), rng).keypoint
                for _ in range(ACTIVITIES)
            ]
        )
    ]
    sequences, total = [], 0
    while total < frames:
        length = min(int(rng.integers(SHORTEST, LONGEST)), frames - total)
        performance = performances[rng.integers(ACTIVITIES)]
        width = performance.shape[1]
        made = resample(performance, length).astype(np.float32)
        for scale, count in ((OFFSET, 1), (NOISE, length)):
            added = rng.standard_normal((count, width), np.float32)
            made += scale / np.sqrt(width, dtype=np.float32) * added
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        sequences.append(made)
        total += length
    return sequences


def brute_force(
    everything: torch.Tensor, queries: np.ndarray, own: slice, k: int
) -> np.ndarray:
    """Find the nearest rows outside ``own``, (Q, k)."""
    norms = everything.square().sum(1)
    step = max(1, BLOCK_ENTRIES // len(everything))
    nearest = []
    for block in torch.from_numpy(queries).split(step):
        distances = torch.addmm(norms, block, everything.T, alpha=-2)
        distances[:, own] = torch.inf
        nearest.append(distances.topk(k, largest=False).indices)
    return torch.cat(nearest).numpy()


def timed(function: Callable[[], object]) -> tuple[object, dict]:
    """Call a function; returns its result, and ``wall`` and ``cpu`` seconds.

    On a busy machine only the second tells much.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, dict(
        wall=time.perf_counter() - wall, cpu=time.process_time() - cpu
    )


def measure_index(
    sequences: list[np.ndarray],
    chosen: list[int],
    factory: str,
    parameters: str,
    k: int,
) -> dict:
    """Build an index and search it.

    Returns:
        dict: Seconds (:func:`timed`) to ``build``, to ``search`` for all
        queries and, on average, for one frame ``alone``, the ``bytes`` of
        the index, and ``rows`` found, an array for each chosen sequence.
    """
    names = [str(i) for i in range(len(sequences))]
    index, build = timed(
        lambda: FrameIndex(names, sequences, factory, parameters)
    )
    starts = np.concatenate([[0], index.ends])
    matches, search = timed(
        lambda: [index.search(sequences[i], k, names[i]) for i in chosen]
    )
    frames = [(i, one) for i in chosen for one in sequences[i][:ALONE]]
    _, alone = timed(
        lambda: [index.retrieve(one, exclude=names[i]) for i, one in frames]
    )
    return dict(
        build=build,
        search=search,
        alone={key: value / len(frames) for key, value in alone.items()},
        bytes=faiss.serialize_index(index.index).nbytes,
        rows=[
            np.where(m.frame < 0, -1, starts[m.sequence] + m.frame)
            for m in matches
        ],
    )


def measure_brute_force(
    sequences: list[np.ndarray], chosen: list[int], k: int
) -> dict:
    """Search by brute force, as :func:`measure_index`, no frame alone."""
    everything, build = timed(
        lambda: torch.from_numpy(np.concatenate(sequences))
    )
    ends = np.cumsum([len(s) for s in sequences])
    rows, search = timed(
        lambda: [
            brute_force(
                everything,
                sequences[i],
                slice(ends[i] - len(sequences[i]), ends[i]),
                k,
            )
            for i in chosen
        ]
    )
    return dict(
        build=build,
        search=search,
        bytes=everything.nbytes + 4 * BLOCK_ENTRIES,
        rows=rows,
    )


def found_share(rows: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Share of the nearest frames that were found, in any order."""
    hits = [
        np.isin(a, b).mean()
        for got, wanted in zip(rows, expected, strict=True)
        for a, b in zip(got, wanted, strict=True)
    ]
    return float(np.mean(hits))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--frames', type=int, default=1_000_000)
    parser.add_argument('--queries', type=int, default=3, help='sequences')
    parser.add_argument('-k', type=int, default=15)
    parser.add_argument('--factories', nargs='+', default=['Flat'])
    parser.add_argument('--parameters', nargs='*', default=[])
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    faiss.omp_set_num_threads(args.threads)
    sequences = make_sequences(args.frames)
    step = len(sequences) // args.queries
    chosen = list(range(0, len(sequences), step))[: args.queries]
    count = sum(len(sequences[i]) for i in chosen)
    width = sequences[0].shape[1]
    print(
        f'{args.frames} frames of {width} values, {len(sequences)} '
        f'sequences; {count} queries, k={args.k}; {args.threads} threads, '
        f'faiss {faiss.__version__}, torch {torch.__version__}'
    )
    reference = measure_brute_force(sequences, chosen, args.k)
    results = {'brute force': reference}
    settings = args.parameters + [''] * len(args.factories)
    for factory, parameters in zip(args.factories, settings, strict=False):
        results[f'{factory} {parameters}'.strip()] = measure_index(
            sequences, chosen, factory, parameters, args.k
        )
    for name, result in results.items():
        share = found_share(result['rows'], reference['rows'])
        print(
            f'{name}: built in {result["build"]["wall"]:.2f} s (CPU '
            f'{result["build"]["cpu"]:.2f}), '
            f'{1e3 * result["search"]["wall"] / count:.2f} ms a query (CPU '
            f'{1e3 * result["search"]["cpu"] / count:.2f}), '
            f'{result["bytes"] / 2**20:.0f} MiB; {share:.4%} of what brute '
            'force finds'
        )


if __name__ == '__main__':
    main()
