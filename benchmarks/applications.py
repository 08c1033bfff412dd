"""Evaluate label transfer, retrieval and anomaly scores of a model.

For every activity of an annotation file's held-out sequences: labels
transferred from one labelled sequence to the others, compared with a
time-only baseline that takes the frame at the same share of the length; the
same moment retrieved among all activities; and how much the anomaly score of
a sequence rises when one of its phases is reversed or left out.

Example:
    python benchmarks/applications.py work_dirs/masa_penn_pose2d DATA.pkl
"""

import argparse
import time
from pathlib import Path

import numpy as np

from masa.alignment import (
    align_pair,
    anomaly_score,
    retrieve_frames,
    transfer_labels,
)
from masa.apis import AlignmentInferencer
from masa.apis.inputs import records_of_file
from masa.datasets import load_annotations

# References of an anomaly score.
REFERENCES = 5


def time_only(first: int, second: int) -> np.ndarray:
    """Align by time only: frames at the same share of the second length."""
    share = np.arange(first) / max(first - 1, 1)
    return np.round(share * (second - 1)).astype(int)


def changed_phases(record: dict) -> dict[str, dict]:
    """Reverse, and leave out, the longest phase but the first and last."""
    phase = record['phase']
    inner = [p for p in np.unique(phase) if 0 < p < phase.max()]
    if not inner:
        return {}
    longest = max(inner, key=lambda p: (phase == p).sum())
    frames = np.flatnonzero(phase == longest)
    if len(frames) < 6:
        return {}
    backwards = np.arange(len(phase))
    backwards[frames] = frames[::-1]
    left_out = np.delete(np.arange(len(phase)), frames)
    made = {}
    for name, order in (('backwards', backwards), ('left out', left_out)):
        made[name] = dict(
            record,
            frame_dir=f'{record["frame_dir"]} {name}',
            total_frames=len(order),
            keypoint=record['keypoint'][:, order],
            phase=phase[order],
        )
        if 'keypoint_score' in record:
            made[name]['keypoint_score'] = record['keypoint_score'][:, order]
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('model', type=Path)
    parser.add_argument('ann_file', type=Path)
    parser.add_argument('--weights', type=Path)
    parser.add_argument('--split', default='val')
    args = parser.parse_args()
    inferencer = AlignmentInferencer(args.model, args.weights, 'cpu')
    names = set(load_annotations(args.ann_file)['split'][args.split])
    records = {
        record['frame_dir']: record
        for record in records_of_file(args.ann_file, Path())
        if record['frame_dir'] in names and 'phase' in record
    }
    start = time.perf_counter()
    sequences = inferencer.embed(list(records.values()))
    seconds = time.perf_counter() - start
    groups: dict[str, list] = {}
    for one in sequences:
        groups.setdefault(one.activity, []).append(one)
    groups = {name: group for name, group in groups.items() if len(group) > 2}
    print(
        f'{len(sequences)} sequences, {sum(map(len, sequences))} frames '
        f'embedded in {seconds:.1f} s'
    )

    start = time.perf_counter()
    carried: dict[str, list[float]] = {
        name: [] for name in ('dtw', 'nearest', 'time only')
    }
    for group in groups.values():
        # Labels of the sequence that is nearest to all others.
        total = [
            sum(align_pair(a.embedding, b.embedding).cost for b in group)
            for a in group
        ]
        labelled = group[int(np.argmin(total))]
        others = [one for one in group if one is not labelled]
        for method in ('dtw', 'nearest'):
            found = transfer_labels(
                labelled.embedding,
                labelled.phase,
                [one.embedding for one in others],
                method,
            )
            carried[method] += [
                np.mean(labels == one.phase)
                for labels, one in zip(found, others, strict=True)
            ]
        carried['time only'] += [
            np.mean(
                labelled.phase[time_only(len(one), len(labelled))] == one.phase
            )
            for one in others
        ]
    print(
        'labels from one sequence of every activity, share of right frames: '
        + ', '.join(f'{k} {np.mean(v):.3f}' for k, v in carried.items())
        + f' ({time.perf_counter() - start:.0f} s)'
    )

    right = dict(activity=[], phase=[])
    rng = np.random.default_rng(0)
    for query in sequences:
        others = [one for one in sequences if one is not query]
        frame = int(rng.integers(len(query)))
        matches = retrieve_frames(
            query.embedding[frame], [one.embedding for one in others], k=5
        )
        for match in matches:
            other = others[match.sequence]
            same = other.activity == query.activity
            right['activity'].append(same)
            right['phase'].append(
                same and other.phase[match.frame] == query.phase[frame]
            )
    print(
        'retrieval of 5 moments among all activities: activity right '
        f'{np.mean(right["activity"]):.3f}, phase too '
        f'{np.mean(right["phase"]):.3f}'
    )

    rises: dict[str, list[float]] = {}
    higher: dict[str, list[bool]] = {}
    for group in groups.values():
        for one in group[REFERENCES:]:
            made = changed_phases(records[one.name])
            references = [r.embedding for r in group[:REFERENCES]]
            usual = anomaly_score(one.embedding, references).max()
            for name, record in made.items():
                (changed,) = inferencer.embed(record)
                score = anomaly_score(changed.embedding, references).max()
                rises.setdefault(name, []).append(score / usual)
                higher.setdefault(name, []).append(score > usual)
    for name, values in rises.items():
        print(
            f'a phase {name}: the largest anomaly score rises by a factor of '
            f'{np.median(values):.2f} (median), and rises in '
            f'{np.mean(higher[name]):.0%} of {len(values)} sequences'
        )


if __name__ == '__main__':
    main()
