"""Follow streams whose ground truth is known, frame by frame.

    python benchmarks/live.py --ui-prmd vicon.npz --subjects 5 6 7 8 --seed 1
        -o live.json
    python benchmarks/live.py --hours 1 -o hour.json

A stream is made of one performance, at several tempos: with a pause, with a
part skipped, broken off and begun again, and between two other movements.
What is between two parts is 0.3 seconds of interpolation, and is not judged.
The reference is another performance. Ground truth is

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

With --hours a stream of random activities is repeated, and the CPU time of
each frame and the peak of the memory are taken.
"""

import argparse
import json
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

import masa
from masa.alignment import align_pair
from masa.apis import AlignmentInferencer, EmbeddedSequence, LiveAligner
from masa.commands.tables import print_table
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.transforms import PackSequenceInputs

RATE = 30.0
UI_PRMD_RATE, SYNTHETIC_RATE = 50.0, 20.0
MOVEMENTS = range(1, 11)
BLEND = 0.3
# Torso lengths that a velocity of one torso length a second counts as.
VELOCITY = 0.3


class Motion(NamedTuple):
    """A performance: joints (T, V, C), scores or None, and times (T,)."""

    joints: np.ndarray
    score: np.ndarray | None
    times: np.ndarray


class Stream(NamedTuple):
    """What is followed, and the ground truth.

    Attributes:
        reference (EmbeddedSequence): The reference.
        motion (Motion): The frames.
        truth (np.ndarray): Matching second of the reference, NaN where there
            is none or it is not judged, (T,).
        is_other (np.ndarray): Whether another movement is shown, (T,).
    """

    reference: EmbeddedSequence
    motion: Motion
    truth: np.ndarray
    is_other: np.ndarray


class Followed(NamedTuple):
    """What a method says of each frame.

    Attributes:
        seconds (np.ndarray): Of the reference, (T,).
        unlike (np.ndarray): How much it looks like another movement, (T,).
        confidence (np.ndarray, optional): In [0, 1], (T,).
    """

    seconds: np.ndarray
    unlike: np.ndarray
    confidence: np.ndarray | None = None


def interpolate(values: np.ndarray, known: np.ndarray, at: np.ndarray):
    """Interpolate (T, ...) linearly; the ends are held."""
    columns = values.reshape(len(values), -1).T
    found = np.stack([np.interp(at, known, one) for one in columns], -1)
    return found.reshape(len(at), *values.shape[1:])


def make_stream(
    reference: EmbeddedSequence,
    motion: Motion,
    truth: np.ndarray,
    other: Motion,
    rng: np.random.Generator,
) -> Stream:
    """Join parts of a performance, and another movement before and after.

    Args:
        reference (EmbeddedSequence): The reference.
        motion (Motion): The performance, from second 0 on.
        truth (np.ndarray): Its seconds of the reference.
        other (Motion): Another movement, from second 0 on.
        rng (np.random.Generator): Of tempos and places.

    Returns:
        Stream: At 30 frames a second.
    """
    end = motion.times[-1]
    stop, skip, restart = rng.uniform([0.25, 0.2, 0.25], [0.75, 0.5, 0.75])
    skipped = skip + rng.uniform(0.2, 0.3)
    # Pieces that follow each other without a break: from, to, pause between.
    plan = [
        [(0, stop, rng.uniform(1, 3)), (stop, 1, 0)],
        [(0, skip, 0)],
        [(skipped, 1, 0)],
        [(0, restart, 0)],
        [(0, 1, 0)],
    ]
    parts = [(other, np.arange(0, other.times[-1], 1 / RATE))]
    for pieces in plan:
        speed = np.exp(rng.uniform(np.log(0.6), np.log(1.6)))
        places = []
        for first, last, pause in pieces:
            places.append(np.arange(first * end, last * end, speed / RATE))
            places.append(np.full(round(pause * RATE), last * end))
        parts.append((motion, np.concatenate(places)))
    parts.append(parts[0])
    joints, scores, truths, others = [], [], [], []
    for source, places in parts:
        found = interpolate(source.joints, source.times, places)
        if joints:
            share = np.linspace(0, 1, round(BLEND * RATE) + 2)[1:-1]
            share = share[:, None, None]
            between = (1 - share) * joints[-1][-1] + share * found[0]
            joints.append(between)
            truths.append(np.full(len(between), np.nan))
            others.append(np.zeros(len(between), bool))
            scores.append(np.ones(between.shape[:2]))
        is_other = source is other
        joints.append(found)
        truths.append(
            np.full(len(places), np.nan)
            if is_other
            else np.interp(places, source.times, truth)
        )
        others.append(np.full(len(places), is_other))
        scores.append(
            np.ones(found.shape[:2])
            if source.score is None
            else interpolate(source.score > 0.0, source.times, places) == 1
        )
    joints = np.concatenate(joints).astype(np.float32)
    frames = Motion(
        joints,
        np.concatenate(scores).astype(np.float32),
        np.arange(len(joints)) / RATE,
    )
    return Stream(
        reference, frames, np.concatenate(truths), np.concatenate(others)
    )


def ui_prmd(
    path: Path, subjects: list[int], seed: int, streams: int
) -> Iterator[tuple[Stream, AlignmentInferencer]]:
    """Make streams of each movement of UI-PRMD."""
    model = masa.load(layout='PLUG_IN_GAIT_39', frame_rate=UI_PRMD_RATE)
    rng = np.random.default_rng(seed)
    data = np.load(path)

    def draw(movement: int, subject: int) -> Motion:
        start = f'correct/m{movement:02d}_s{subject:02d}_'
        names = [name for name in data if name.startswith(start)]
        joints = data[rng.choice(names)].astype(np.float32)
        return Motion(joints, None, np.arange(len(joints)) / UI_PRMD_RATE)

    for movement in np.repeat(MOVEMENTS, streams):
        start = f'correct/m{movement:02d}_s'
        there = [s for s in subjects if any(
            name.startswith(f'{start}{s:02d}') for name in data
        )]  # fmt: skip
        first, second = rng.choice(there, 2, replace=False)
        reference = draw(movement, first)
        motion = draw(movement, second)
        others = [one for one in MOVEMENTS if one != movement]
        other = draw(rng.choice(others), first)
        embedded, performed = model.embed([reference.joints, motion.joints])
        path = align_pair(performed.embedding, embedded.embedding)
        truth = embedded.timestamps[path.match_first()]
        yield make_stream(embedded, motion, truth, other, rng), model


def random_activities(
    seed: int, streams: int
) -> Iterator[tuple[Stream, AlignmentInferencer]]:
    """Make streams of random activities."""
    model = masa.load()
    rng = np.random.default_rng(seed)

    def draw():
        while True:
            activity = draw_activity(rng)
            if activity.one_view and not activity.is_periodic:
                return activity

    def perform(activity) -> tuple[Motion, np.ndarray]:
        one = draw_performance(activity, rng)
        times = np.arange(len(one.time)) / SYNTHETIC_RATE
        return Motion(one.keypoint, one.score, times), one.time

    for _ in range(streams):
        activity = draw()
        (reference, canonical), (motion, place) = (
            perform(activity),
            perform(activity),
        )
        (other, _) = perform(draw())
        record = dict(
            frame_dir='reference',
            total_frames=len(canonical),
            keypoint=reference.joints[None],
            keypoint_score=reference.score[None],
            frame_rate=SYNTHETIC_RATE,
        )
        (embedded,) = model.embed(record)
        # Where the reference stands still, its middle.
        moments = np.unique(canonical)
        middles = [
            reference.times[canonical == moment].mean() for moment in moments
        ]
        truth = np.interp(place, moments, middles, left=np.nan, right=np.nan)
        yield make_stream(embedded, motion, truth, other, rng), model


def follow(live: LiveAligner, frames, stream: Stream, scores) -> Followed:
    """Push all frames."""
    states = [
        live.push(frame, second, score)
        for frame, second, score in zip(
            frames, stream.motion.times, scores, strict=True
        )
    ]
    return Followed(
        np.array([state.reference_time for state in states]),
        np.array([state.elsewhere for state in states]),
        np.array([state.confidence for state in states]),
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
        sure = followed.confidence[judged] >= 0.5
        found['sure'] = sure.mean()
        found['within 10%, if sure'] = (
            (error <= 0.1 * length)[sure].mean() if sure.any() else np.nan
        )
    return found


def evaluate(streams, share: float) -> dict[str, dict[str, float]]:
    """Follow all streams by all methods; mean over the streams."""
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
        for method, followed in methods.items():
            found.setdefault(method, []).append(judge(stream, followed))
    return {
        method: {
            key: float(np.nanmean([one[key] for one in rows]))
            for key in rows[0]
        }
        for method, rows in found.items()
    }


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
    warnings.filterwarnings('ignore', 'sequence .* is upside down')
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
            columns = list(results[name]['LiveAligner'])
            table = Table('method', *columns, title=name)
            for method, row in results[name].items():
                table.add_row(
                    method,
                    *(f'{row[k]:.3f}' if k in row else '' for k in columns),
                )
            print_table(table)
    args.output.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
