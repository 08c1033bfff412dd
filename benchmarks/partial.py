"""Align cut recordings: what has a counterpart, and what has none.

    python benchmarks/partial.py --penn penn.pkl
    python benchmarks/partial.py --synthetic

Two performances of one activity are each cut at random at both ends, to 40 to
80% of their length, embedded and aligned. Ground truth is the time on the
activity's axis: of random activities it is known, of Penn Action (an
annotation file with phases, docs/datasets.md) it is interpolated between the
key events that people marked. A frame has a counterpart if its time is within
that of the other part. Printed are, by method, the median error of matched
frames that have a counterpart, in percent of the other's uncut length; the
share of those that are matched; and the share of the others that are left
unmatched. The baseline is the same alignment of normalized joints.
"""

import argparse
import warnings

import numpy as np
from rich.console import Console
from rich.table import Table

import masa
from masa.alignment import align_pair
from masa.alignment.joint_angles import body_joints, flatten_joints
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.records import read_records
from masa.datasets.skeletons import PENN_ACTION


def synthetic_pairs(count, rng):
    """Yield pairs of records with the time of every frame."""
    made = 0
    while made < count:
        activity = draw_activity(rng)
        if activity.is_periodic:
            continue
        pair = [draw_performance(activity, rng) for _ in range(2)]
        yield [
            (
                dict(
                    frame_dir=f'{made} {i}',
                    total_frames=len(one.time),
                    keypoint=one.keypoint[None],
                    keypoint_score=one.score[None],
                    skeleton=PENN_ACTION,
                ),
                one.time,
            )
            for i, one in enumerate(pair)
        ]
        made += 1


def penn_pairs(path, count, rng):
    """Yield pairs of records with the time of every frame."""
    known = {}
    for record in read_records(path):
        phase = record.get('phase')
        if phase is None or min(phase) < 0:
            continue
        known.setdefault(record['activity'], []).append(record)
    groups = [group for group in known.values() if len(group) > 1]
    for _ in range(count):
        group = groups[rng.integers(len(groups))]
        chosen = rng.choice(len(group), 2, replace=False)
        yield [
            (group[i], time_of(np.asarray(group[i]['phase']))) for i in chosen
        ]


def time_of(phase):
    """Interpolate between the first frames of the phases."""
    starts = np.flatnonzero(np.diff(phase, prepend=-1))
    knots = [*starts, len(phase)]
    values = [*phase[starts], phase[-1] + 1]
    return np.interp(np.arange(len(phase)), knots, values)


def draw_part(total, rng):
    """Draw what is left when a sequence is cut at both ends."""
    length = int(rng.uniform(0.4, 0.8) * total)
    start = int(rng.integers(total - length + 1))
    return start, start + length


def judge(matched, times, other, total):
    """Judge the matches of every frame of one part."""
    has = (times >= other.min()) & (times <= other.max())
    truth = np.abs(times[:, None] - other).argmin(1)
    is_matched = matched >= 0
    both = has & is_matched
    error = np.abs(matched - truth)[both] / total
    return error, is_matched[has], ~is_matched[~has]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--penn', help='annotation file with phases')
    parser.add_argument('--synthetic', action='store_true')
    parser.add_argument('--pairs', type=int, default=300)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if args.synthetic == bool(args.penn):
        parser.error('either --penn or --synthetic is expected')
    warnings.filterwarnings('ignore', '.* is upside down')
    rng = np.random.default_rng(args.seed)
    pairs = (
        penn_pairs(args.penn, args.pairs, rng)
        if args.penn
        else synthetic_pairs(args.pairs, rng)
    )
    model = masa.load()
    results = {}
    for pair in pairs:
        totals = [record['total_frames'] for record, _ in pair]
        parts = [draw_part(total, rng) for total in totals]
        times = [
            time[slice(*part)]
            for (_, time), part in zip(pair, parts, strict=True)
        ]
        embedded = [
            model.cut_parts(*model.embed(record, parts=True), [part])[0]
            for (record, _), part in zip(pair, parts, strict=True)
        ]
        for kind, features in (
            ('embeddings', [one.embedding for one in embedded]),
            ('joints', [flatten_joints(body_joints(one)) for one in embedded]),
        ):
            for method in ('dtw', 'partial'):
                found = align_pair(*features, method)
                for alignment, i in ((found, 0), (found.reverse(), 1)):
                    results.setdefault((kind, method), []).append(
                        judge(
                            alignment.match_first(),
                            times[i],
                            times[1 - i],
                            totals[1 - i],
                        )
                    )
    table = Table(
        'of', 'method', 'median error, %', 'matched, %', 'left out, %'
    )
    for key, judged in results.items():
        error, has, lacks = map(np.concatenate, zip(*judged, strict=True))
        figures = np.median(error), has.mean(), lacks.mean()
        table.add_row(*key, *(f'{100 * value:.1f}' for value in figures))
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
