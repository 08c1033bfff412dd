"""Locate the errors of frame retrieval relative to key events.

For the frames of an activity's held-out sequences: the share of wrong phases
among the five nearest frames of its other sequences, by the distance to the
nearest key event as a share of the length. Sequences with frames of unknown
phase are left out. Frames, sequences and activities are weighted as in AP@5.

Example:
    masa test CONFIG CHECKPOINT --dump embeddings.npz
    python benchmarks/retrieval_errors.py embeddings.npz
"""

import argparse

import numpy as np
from sklearn.neighbors import NearestNeighbors

from masa.evaluation import SequenceCollection

NEIGHBORS = 5
EDGES = (0, 0.02, 0.05, 0.1, 0.2, 1)


def event_distances(phase: np.ndarray) -> np.ndarray:
    """How far every frame is from the nearest first frame of a phase."""
    events = np.flatnonzero(np.diff(phase)) + 1
    if not len(events):
        return np.ones(len(phase))
    frames = np.arange(len(phase))
    return np.abs(frames[:, None] - events).min(axis=1) / len(phase)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('embeddings', help='of "masa test --dump"')
    collection = SequenceCollection.load(parser.parse_args().embeddings)
    groups: dict[str, list[int]] = {}
    for i, (split, phase, activity) in enumerate(
        zip(
            collection.splits,
            collection.phases,
            collection.activities,
            strict=True,
        )
    ):
        known = phase is not None and (phase >= 0).all()
        if split != 'train' and known:
            groups.setdefault(activity, []).append(i)
    shares, wrong = np.zeros(len(EDGES) - 1), np.zeros(len(EDGES) - 1)
    for members in groups.values():
        for query in members:
            others = [i for i in members if i != query]
            search = NearestNeighbors(n_neighbors=NEIGHBORS, algorithm='brute')
            search.fit(
                np.concatenate([collection.embeddings[i] for i in others])
            )
            labels = np.concatenate([collection.phases[i] for i in others])
            nearest = search.kneighbors(
                collection.embeddings[query], return_distance=False
            )
            phase = collection.phases[query]
            errors = (labels[nearest] != phase[:, None]).mean(axis=1)
            distances = event_distances(phase)
            weight = 1 / len(phase) / len(members) / len(groups)
            shares += weight * np.histogram(distances, EDGES)[0]
            wrong += weight * np.histogram(distances, EDGES, weights=errors)[0]
    print(f'AP@{NEIGHBORS} {1 - wrong.sum():.4f}')
    for low, high, share, part in zip(
        EDGES[:-1], EDGES[1:], shares, wrong, strict=True
    ):
        print(
            f'{low:.0%} to {high:.0%} of the length from a key event: '
            f'{share:.1%} of the frames, {part / wrong.sum():.1%} of the '
            f'wrong neighbors; {part / share:.1%} of the neighbors are wrong'
        )


if __name__ == '__main__':
    main()
