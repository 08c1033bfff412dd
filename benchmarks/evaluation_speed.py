"""Compare the batched metrics with plain loops, in one run on random data.

Example:
    python benchmarks/evaluation_speed.py --sequences 40
"""

import argparse
import time

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau

from masa.evaluation.functional import frame_retrieval_ap, kendalls_tau


def loop_tau(embeddings, stride):
    """Kendall's tau as TCC, CASA and CARL compute it: pair by pair."""
    taus = []
    for i, queries in enumerate(embeddings):
        for j, candidates in enumerate(embeddings):
            if i != j:
                distances = cdist(
                    queries[::stride], candidates[::stride], 'sqeuclidean'
                )
                order = distances.argmin(axis=1)
                taus.append(kendalltau(np.arange(len(order)), order)[0])
    return np.mean(np.nan_to_num(taus))


def loop_retrieval(embeddings, phases, k):
    """AP@K as CARL computes it: frame by frame."""
    videos = []
    for i, queries in enumerate(embeddings):
        others = [j for j in range(len(embeddings)) if j != i]
        candidates = np.concatenate([embeddings[j] for j in others])
        labels = np.concatenate([phases[j] for j in others])
        frames = []
        for t in range(len(queries)):
            distances = cdist(queries[t : t + 1], candidates, 'sqeuclidean')
            nearest = np.argsort(distances[0], kind='stable')[:k]
            frames.append(np.mean(labels[nearest] == phases[i][t]))
        videos.append(np.mean(frames))
    return np.mean(videos)


def timed(function, *args):
    """Run a function and take its time."""
    start = time.perf_counter()
    value = function(*args)
    return value, time.perf_counter() - start


def main() -> None:
    """Run both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sequences', type=int, default=75)
    parser.add_argument('--frames', type=int, default=70)
    parser.add_argument('--width', type=int, default=128)
    parser.add_argument('--stride', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    lengths = rng.integers(
        args.frames // 2, 3 * args.frames // 2, args.sequences
    )
    phases = [np.arange(length) * 4 // length for length in lengths]
    course = rng.normal(size=(5, args.width))
    embeddings = []
    for length in lengths:
        time_axis = 4 * np.arange(length) / length
        walk = np.stack(
            [np.interp(time_axis, np.arange(5), c) for c in course.T], axis=1
        )
        walk += rng.normal(size=walk.shape)
        embeddings.append(walk.astype(np.float32).astype(np.float64))

    print(
        f'{args.sequences} sequences of about {args.frames} frames, '
        f'{args.width} wide'
    )
    print(f'{"":18}{"loop (s)":>10}{"masa (s)":>10}{"ratio":>8}')
    expected, slow = timed(loop_tau, embeddings, args.stride)
    result, fast = timed(kendalls_tau, embeddings, args.stride)
    np.testing.assert_allclose(result.tau, expected, rtol=0, atol=1e-12)
    print(f'{"Kendall tau":18}{slow:10.2f}{fast:10.2f}{slow / fast:8.1f}')
    expected, slow = timed(loop_retrieval, embeddings, phases, 5)
    result, fast = timed(frame_retrieval_ap, embeddings, phases, 5)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    print(f'{"AP@5":18}{slow:10.2f}{fast:10.2f}{slow / fast:8.1f}')
    print('values equal to 1e-12')


if __name__ == '__main__':
    main()
