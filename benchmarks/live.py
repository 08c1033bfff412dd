"""Follow streams whose ground truth is known, frame by frame.

    python benchmarks/live.py --ui-prmd vicon.npz --subjects 5 6 7 8 --seed 1
        -o live.json
    python benchmarks/live.py --hours 1 -o hour.json

A stream is made of one performance, at several tempos: with a pause, with a
part skipped, broken off and begun again, after standing in its first pose, and
between two other movements. What is between two parts is 0.3 seconds of
interpolation, and is not judged. The reference is another performance. Ground
truth is

- UI-PRMD (an .npz file of 39 markers at 50/s, keys
  correct/m01_s01_e01: movement, subject, repetition): another subject's
  repetition, aligned with the reference by dynamic time warping of the whole
  repetitions, embedded by the pretrained model;
- random activities (docs/random_activities.md), not periodic and filmed from
  about one direction: the canonical time of the frames. The model was trained
  on others of their kind.

Both are seen at 30 frames a second. Compared are LiveAligner; the moment of
the reference whose window costs least, without a filter; and the same
without a model: joints and their velocities, normalized over the whole
recording, in a LiveAligner of arrays, and the nearest frame. Since the
performers begin again, an error is counted around the circle: the end of the
reference is next to its beginning.

Last, the confidence of LiveAligner is held against the share of frames that
are right: that do what is in the reference, at a moment that is not idle, and
are followed within 10% of its length. Speeds, the temperature and what is idle
were chosen on subjects 1 to 4 and the seeds 0 and 3.

With --hours a stream of random activities is repeated, and the CPU time of
each frame and the peak of the memory are taken.
"""

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from live_streams import (
    RATE,
    Motion,
    Stream,
    random_activities,
    ui_prmd,
)
from rich.table import Table

from masa.apis import AlignmentInferencer, LiveAligner
from masa.commands.tables import print_table
from masa.datasets.transforms import PackSequenceInputs

# Torso lengths that a velocity of one torso length a second counts as.
VELOCITY = 0.3


class Followed(NamedTuple):
    """What a method says of each frame.

    Attributes:
        seconds (np.ndarray): Of the reference, (T,).
        unlike (np.ndarray): How much it looks like another movement, (T,).
        confidence (np.ndarray, optional): In [0, 1], (T,).
        waiting (np.ndarray, optional): In [0, 1], (T,).
        is_idle (np.ndarray, optional): Whether the ground truth is an idle
            moment of the reference, (T,).
    """

    seconds: np.ndarray
    unlike: np.ndarray
    confidence: np.ndarray | None = None
    waiting: np.ndarray | None = None
    is_idle: np.ndarray | None = None


def follow(live: LiveAligner, frames, stream: Stream, scores) -> Followed:
    """Push all frames."""
    states = [
        live.push(frame, second, score)
        for frame, second, score in zip(
            frames, stream.motion.times, scores, strict=True
        )
    ]
    apart = np.abs(stream.truth[:, None] - live._source.times)
    return Followed(
        np.array([state.reference_time for state in states]),
        np.array([state.elsewhere for state in states]),
        np.array([state.confidence for state in states]),
        np.array([state.waiting for state in states]),
        live._source.idle[apart.argmin(1)] & ~np.isnan(stream.truth),
    )


def by_windows(stream: Stream, model: AlignmentInferencer, **options):
    """Follow by LiveAligner, and take the cheapest moments by the way."""
    live = LiveAligner(stream.reference, model, **options)
    source = live._source
    cheapest = []
    costs_of = source.costs

    def costs(second):
        costs = costs_of(second)
        lowest = np.atleast_2d(costs).min(0)
        at = 0 if np.isnan(lowest).all() else int(np.nanargmin(lowest))
        cheapest.append((source.times[at], lowest[at], second))
        return costs

    source.costs = costs
    followed = follow(live, stream.motion.joints, stream, stream.motion.score)
    seconds, unlike, seen = np.array(cheapest).T
    last = np.searchsorted(seen, stream.motion.times, side='right') - 1
    return followed, Followed(seconds[last], unlike[last])


def normalized(
    model: AlignmentInferencer, motion: Motion, skeleton: dict | None
) -> np.ndarray:
    """Normalize joints over the whole recording; add velocities."""
    record = dict(
        frame_dir='joints',
        total_frames=len(motion.joints),
        keypoint=motion.joints[None],
        skeleton=skeleton,
    )
    if motion.score is not None:
        record['keypoint_score'] = motion.score[None]
    for step in model.model.transforms:
        if not isinstance(step, PackSequenceInputs):
            record = step(record)
    joints = record['keypoint'][0].reshape(len(motion.joints), -1)
    # Of the past alone, as for anybody who follows.
    passed = np.diff(motion.times, prepend=motion.times[0] - 1 / RATE)
    moved = np.diff(joints, axis=0, prepend=joints[:1]) / passed[:, None]
    return np.concatenate([joints, VELOCITY * moved], 1)


def by_joints(stream: Stream, model: AlignmentInferencer, share: float):
    """Follow joints without a model, and take the nearest frames."""
    one = stream.reference
    reference = normalized(
        model,
        Motion(one.keypoint, one.keypoint_score, one.timestamps),
        one.skeleton,
    )
    frames = normalized(model, stream.motion, one.skeleton)
    live = LiveAligner(reference, timestamps=one.timestamps)
    live = LiveAligner(
        reference,
        timestamps=one.timestamps,
        usual_distance=share * live.usual_distance,
    )
    followed = follow(live, frames, stream, [None] * len(frames))
    costs = ((frames[:, None] - reference) ** 2).sum(-1)
    return followed, Followed(one.timestamps[costs.argmin(1)], costs.min(1))


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of pairs in which the positive one is larger."""
    less = (positive[:, None] > negative).mean()
    return float(less + (positive[:, None] == negative).mean() / 2)


def judge(stream: Stream, followed: Followed) -> dict[str, float]:
    """Compare with the ground truth."""
    first, last = stream.reference.timestamps[[0, -1]]
    length = last - first
    judged = ~np.isnan(stream.truth)

    def around(seconds: np.ndarray) -> np.ndarray:
        seconds = np.abs(seconds)
        return np.minimum(seconds, length - seconds)

    error = around(followed.seconds - stream.truth)[judged]
    moved = around(np.diff(followed.seconds))
    rightly = around(np.diff(stream.truth))
    # Of frames in a row that are judged.
    jumps = (moved > 0.2 * length) & (rightly < 0.1 * length)
    found = {
        'error [s]': error.mean(),
        'within 5%': (error <= 0.05 * length).mean(),
        'within 10%': (error <= 0.1 * length).mean(),
        'wrong jumps / min': jumps.sum() / judged.sum() * RATE * 60,
        'AUC': auc(followed.unlike[stream.is_other], followed.unlike[judged]),
    }
    if followed.confidence is not None:
        moving = judged & ~followed.is_idle
        found['waiting'] = auc(
            followed.waiting[stream.is_waiting], followed.waiting[moving]
        )
    return found


def judge_confidence(stream: Stream, followed: Followed) -> np.ndarray:
    """Pair the confidence of each judged frame with whether it is right."""
    first, last = stream.reference.timestamps[[0, -1]]
    error = np.abs(followed.seconds - stream.truth)
    error = np.minimum(error, last - first - error)
    is_right = (error <= 0.1 * (last - first)) & ~followed.is_idle
    judged = ~np.isnan(stream.truth) | stream.is_other | stream.is_waiting
    return np.stack([followed.confidence, is_right])[:, judged]


def calibration(pairs: np.ndarray) -> list[dict[str, float]]:
    """Tabulate the share of right frames by tenths of the confidence.

    Args:
        pairs (np.ndarray): Of `judge_confidence`, (2, N).

    Returns:
        list[dict[str, float]]: For each tenth that has frames: its beginning,
        its share of the frames, their mean confidence, and how many of them
        are right.
    """
    confidence, is_right = pairs
    tenth = np.minimum(10 * confidence, 9).astype(int)
    return [
        {
            'from': i / 10,
            'frames': float((tenth == i).mean()),
            'confidence': float(confidence[tenth == i].mean()),
            'right': float(is_right[tenth == i].mean()),
        }
        for i in np.unique(tenth)
    ]


def evaluate(streams, share: float) -> dict:
    """Follow all streams by all methods; mean over the streams."""
    pairs = []
    found: dict[str, list[dict]] = {}
    for stream, model in streams:
        methods = dict(
            zip(
                ('LiveAligner', 'cheapest window'),
                by_windows(stream, model),
                strict=True,
            )
        )
        methods |= zip(
            ('joints, same filter', 'nearest joints'),
            by_joints(stream, model, share),
            strict=True,
        )
        pairs.append(judge_confidence(stream, methods['LiveAligner']))
        for method, followed in methods.items():
            found.setdefault(method, []).append(judge(stream, followed))
    means = {
        method: {
            key: float(np.nanmean([one[key] for one in rows]))
            for key in rows[0]
        }
        for method, rows in found.items()
    }
    return dict(
        methods=means, calibration=calibration(np.concatenate(pairs, 1))
    )


def show(results: dict, name: str) -> None:
    """Print the tables of `evaluate`."""
    methods = results['methods']
    columns = list(methods['LiveAligner'])
    table = Table('method', *columns, title=name)
    for method, row in methods.items():
        table.add_row(
            method, *(f'{row[k]:.3f}' if k in row else '' for k in columns)
        )
    print_table(table)
    table = Table(*results['calibration'][0], title=f'{name}, confidence')
    for row in results['calibration']:
        table.add_row(*(f'{value:.3f}' for value in row.values()))
    print_table(table)


def run_for(hours: float, seed: int) -> dict[str, float]:
    """Follow one stream again and again: milliseconds and memory."""
    ((stream, model),) = random_activities(seed, 1)
    live = LiveAligner(stream.reference, model)
    frames, scores = stream.motion.joints, stream.motion.score
    count = round(hours * 3600 * RATE)
    # In memory from the beginning, which is measured.
    milliseconds = np.full(count, np.nan)
    memory = []
    for i in range(count):
        at = i % len(frames)
        before = time.process_time()
        live.push(frames[at], i / RATE, scores[at])
        milliseconds[i] = 1000 * (time.process_time() - before)
        if i in (count // 6, count - 1):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            memory.append(peak / 1024)
    sixth = count // 6
    figures = {'frames': count, 'moments': len(live._source.times)}
    for name, part in (
        ('first sixth', milliseconds[:sixth]),
        ('last sixth', milliseconds[-sixth:]),
        ('all', milliseconds),
    ):
        figures[f'mean ms, {name}'] = float(part.mean())
        figures[f'median ms, {name}'] = float(np.median(part))
        figures[f'99th percentile ms, {name}'] = float(np.percentile(part, 99))
    figures['peak MiB after a sixth'], figures['peak MiB'] = memory
    return figures


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--ui-prmd', type=Path, metavar='FILE.npz')
    parser.add_argument(
        '--subjects', type=int, nargs='+', default=[5, 6, 7, 8]
    )
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument(
        '--streams',
        type=int,
        default=2,
        help='of a movement; 10 times as many of random activities',
    )
    parser.add_argument(
        '--joints-share',
        type=float,
        default=2.0,
        help='of the distance '
        'that is usual for unlike joints, for the baseline',
    )
    parser.add_argument('--hours', type=float, help='measure the time instead')
    parser.add_argument('-o', '--output', type=Path, required=True)
    args = parser.parse_args(argv)
    # Random bodies may hang upside down.
    warnings.filterwarnings('ignore', '.* is upside down')
    if args.hours:
        results = run_for(args.hours, args.seed)
        print(json.dumps(results, indent=1))
    else:
        sources: dict[str, Callable] = {
            'random activities': lambda: random_activities(
                args.seed, 10 * args.streams
            )
        }
        if args.ui_prmd:
            sources['UI-PRMD'] = lambda: ui_prmd(
                args.ui_prmd, args.subjects, args.seed, args.streams
            )
        results = {}
        for name, make in sources.items():
            results[name] = evaluate(make(), args.joints_share)
            show(results[name], name)
    args.output.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
