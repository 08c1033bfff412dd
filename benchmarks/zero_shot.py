"""Evaluate models on key events of sequences that they were not trained on.

    python benchmarks/zero_shot.py data/penn.pkl --models work_dirs/pretrained

The annotation file is that of Penn Action with key events as phases
(docs/datasets.md). Key events are carried from every sequence of an activity
to every other, by the nearest frame and by dynamic time warping; printed are
the median error in percent of the length and the share within 5%. The
training-free baselines come first: raw joints, raw joints in a window of
frames, each with and without a time code.

Choose on the activities of CHOICE; --report shows the others.
"""

import argparse
from itertools import combinations

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.distance import cdist

from masa.alignment.warping import warping_path
from masa.apis import AlignmentInferencer
from masa.datasets.records import read_records
from masa.datasets.transforms import NormalizeSkeleton
from masa.evaluation.functional import (
    frame_retrieval_ap,
    kendalls_tau,
)

# What is chosen is chosen on these; the others are only reported.
CHOICE = ('golf_swing', 'jumping_jacks', 'pushup', 'tennis_forehand')
REPORT = ('baseball_swing', 'bench_press', 'situp')
# 9 frames within 8 frames to either side.
WINDOW = np.arange(-8, 9, 2)


def window(joints):
    """Put the joints of the frames around it beside every frame."""
    frames = np.arange(len(joints))[:, None] + WINDOW
    return joints[frames.clip(0, len(joints) - 1)].reshape(len(joints), -1)


def time_code(joints):
    """Return the share of the sequence that has passed, (T, 1)."""
    return np.arange(len(joints))[:, None] / len(joints)


def side_by_side(first, second):
    """Scale the second to the variance of the first."""
    spread = [np.concatenate(s).var(0).sum() for s in (first, second)]
    scale = np.sqrt(spread[0] / spread[1])
    return [
        np.hstack([a, scale * b]) for a, b in zip(first, second, strict=True)
    ]


def baselines(joints):
    """Return the embeddings of every baseline by its name."""
    windows = [window(one) for one in joints]
    clock = [time_code(one) for one in joints]
    return {
        'raw joints': joints,
        'time code': clock,
        'raw joints and time code': side_by_side(joints, clock),
        'raw joints in a window': windows,
        'window and time code': side_by_side(windows, clock),
    }


def events_of(phase):
    """First frame of every phase but the first."""
    starts = np.flatnonzero(np.diff(phase) > 0) + 1
    return {int(phase[t]): int(t) for t in starts}


def carried(sequences, events):
    """Errors of events by the nearest frame and by DTW, as shares."""
    nearest, warped = [], []
    for i, j in combinations(range(len(sequences)), 2):
        path = warping_path(
            *(np.ascontiguousarray(sequences[k], np.float64) for k in (i, j))
        )
        for (a, b), way in (((i, j), path), ((j, i), path[:, ::-1])):
            shared = [e for e in events[a] if e in events[b]]
            if not shared:
                continue
            frames = np.array([events[a][e] for e in shared])
            truth = np.array([events[b][e] for e in shared])
            length = len(sequences[b])
            distances = cdist(sequences[a][frames], sequences[b])
            found = distances.argmin(axis=1)
            nearest.extend(np.abs(found - truth) / length)
            match = [way[way[:, 0] == t, 1].mean() for t in frames]
            warped.extend(np.abs(np.array(match) - truth) / length)
    return nearest, warped


def evaluate(embeddings, records, activities):
    """The columns of the table, in percent but for tau."""
    parts = []
    labels = np.array([record['activity'] for record in records])
    for name in activities:
        rows = np.flatnonzero(labels == name)
        group = [embeddings[i] for i in rows]
        phases = [records[i]['phase'] for i in rows]
        nearest, warped = carried(group, [events_of(p) for p in phases])
        ap = frame_retrieval_ap(group, phases, 5)
        tau = kendalls_tau([one[::2] for one in group]).tau
        parts.append(
            (
                100 * ap,
                tau,
                100 * np.median(nearest),
                100 * np.mean(np.array(nearest) <= 0.05),
                100 * np.median(warped),
                100 * np.mean(np.array(warped) <= 0.05),
            )
        )
    ap, tau, *events = np.mean(parts, axis=0)
    wanted = np.isin(labels, activities)
    chosen = [embeddings[i] for i in np.flatnonzero(wanted)]
    numbers = np.unique(labels[wanted], return_inverse=True)[1]
    phases = [records[i]['phase'] for i in np.flatnonzero(wanted)]
    among = 100 * frame_retrieval_ap(chosen, phases, 5, activities=numbers)
    return [ap, among, tau, *events]


def main():
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('ann_file')
    parser.add_argument('--models', nargs='*', default=[])
    parser.add_argument('--report', action='store_true')
    parser.add_argument('--no-baselines', action='store_true')
    args = parser.parse_args()
    activities = REPORT if args.report else CHOICE
    records = [
        record
        for record in read_records(args.ann_file)
        if record['activity'] in activities and record.get('phase') is not None
    ]
    table = Table('', 'AP@5', 'all', 'tau', 'NN', '5%', 'DTW', '5%')

    def add(name, embeddings):
        row = evaluate(embeddings, records, activities)
        cells = [
            f'{v:.3f}' if i == 2 else f'{v:.1f}' for i, v in enumerate(row)
        ]
        table.add_row(name, *cells)
        print(name, *cells, flush=True)

    if not args.no_baselines:
        joints = [
            NormalizeSkeleton()(dict(record))['keypoint'][0].reshape(
                record['total_frames'], -1
            )
            for record in records
        ]
        for name, embeddings in baselines(joints).items():
            add(name, embeddings)
    for model in args.models:
        inferencer = AlignmentInferencer(model, device='cpu')
        sequences = inferencer.embed([dict(record) for record in records])
        add(model, [one.embedding for one in sequences])
    Console(width=120).print(table)


if __name__ == '__main__':
    main()
