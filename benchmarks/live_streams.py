"""Streams whose ground truth is known, for live.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import masa
from masa.alignment import align_pair
from masa.apis import AlignmentInferencer, EmbeddedSequence
from masa.datasets.random_activities import draw_activity, draw_performance

RATE = 30.0
UI_PRMD_RATE, SYNTHETIC_RATE = 50.0, 20.0
MOVEMENTS = range(1, 11)
BLEND = 0.3
# Seconds that the performer stands, once, before beginning.
WAITING = 2.0


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
        is_waiting (np.ndarray): Whether the performer stands before
            beginning, (T,).
    """

    reference: EmbeddedSequence
    motion: Motion
    truth: np.ndarray
    is_other: np.ndarray
    is_waiting: np.ndarray


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
        [(0, 0, WAITING), (0, 1, 0)],
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
    joints, scores, truths, others, waits = [], [], [], [], []
    for number, (source, places) in enumerate(parts):
        found = interpolate(source.joints, source.times, places)
        if joints:
            share = np.linspace(0, 1, round(BLEND * RATE) + 2)[1:-1]
            share = share[:, None, None]
            between = (1 - share) * joints[-1][-1] + share * found[0]
            joints.append(between)
            truths.append(np.full(len(between), np.nan))
            others.append(np.zeros(len(between), bool))
            waits.append(np.zeros(len(between), bool))
            scores.append(np.ones(between.shape[:2]))
        is_other = source is other
        is_waiting = np.zeros(len(places), bool)
        is_waiting[: round(WAITING * RATE)] = number == len(plan)
        joints.append(found)
        truths.append(
            np.where(
                is_other | is_waiting,
                np.nan,
                np.interp(places, motion.times, truth),
            )
        )
        waits.append(is_waiting)
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
        reference, frames, *map(np.concatenate, (truths, others, waits))
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
