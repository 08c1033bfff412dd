"""Find and count exercises in recordings that are joined of repetitions.

    python benchmarks/find.py --prmd ../shared/ui_prmd/vicon.npz \
        --cmu ../shared/cmu_mocap/cmu.npz --subjects report

A recording shows one subject of UI-PRMD doing two to five repetitions each of
up to three exercises, in a row or mixed, with pauses in which the body sways,
transitions, and stretches of other movements from the CMU database. In about
four of ten recordings the exercise that is looked for is absent. It is looked
for with one repetition of the same person, which is not in the recording, with
one of another, and with three of three others; the mirror image counts, since
subjects choose their side. ``--views 2d`` films every sequence from a
direction of its own, up to 50 degrees (``--apart``) to the side.
``--synthetic`` joins performances of random activities instead, each by
another body and camera.

Printed are F1 (an occurrence is right if its intersection with a repetition is
half of their union), the share of recordings whose count is exact, the share
of recordings without the exercise in which something is found, and the mean
absolute errors of the starts and ends of what is right. The baseline is the
same search over normalized joints. Tolerances are chosen on
``--subjects choice`` (1 to 4), the others (5 to 8) report.
"""

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import masa
from masa.alignment import find_occurrences
from masa.alignment.joint_angles import (
    body_joints,
    flatten_joints,
    joints_of_parts,
    select_body,
)
from masa.alignment.resampling import resample
from masa.apis import finding
from masa.datasets.random_activities import draw_activity, draw_performance
from masa.datasets.skeletons import CMU_38, PENN_ACTION, PLUG_IN_GAIT_39
from masa.datasets.transforms import SelectBodyJoints
from masa.datasets.transforms.body_joints import turn_y_up

SUBJECTS = dict(
    choice=('s01', 's02', 's03', 's04'), report=('s05', 's06', 's07', 's08')
)
RATE = 50.0
EXERCISES = range(1, 11)


class Task(NamedTuple):
    """A recording, what is looked for in it, and where it is.

    Attributes:
        joints (np.ndarray): (T, 13, 2 or 3).
        truth (list): First frame and the one after the last.
        references (dict): Lists of references by their kind.
    """

    joints: np.ndarray
    truth: list[tuple[int, int]]
    references: dict[str, list[np.ndarray]]


def body(joints, layout):
    """Map the joints of a layout to 13, y up."""
    sample = dict(keypoint=joints[None].astype(np.float64), skeleton=layout)
    found = SelectBodyJoints()(sample)['keypoint'][0]
    return turn_y_up(found, layout['up_axis'])


def read_repetitions(path, kind='correct'):
    """Read the repetitions of a kind: joints by exercise and subject."""
    raw = np.load(path)
    found = {}
    for key in raw.files:
        of, name = key.split('/')
        if of == kind and len(raw[key]) >= RATE / 2:
            exercise, subject, _ = name.split('_')
            found.setdefault((int(exercise[1:]), subject), []).append(
                body(raw[key], PLUG_IN_GAIT_39)
            )
    return found


def read_others(path):
    """Read the other movements, at the rate of the repetitions."""
    raw = np.load(path)
    found = []
    for key in raw.files:
        joints = body(raw[key], CMU_38)
        frames = round(len(joints) * RATE / 60)
        flat = resample(joints.reshape(len(joints), -1), frames)
        found.append(flat.reshape(frames, *joints.shape[1:]))
    return found


def join(stretches, rng):
    """Join stretches by pauses and transitions; tell where each is."""
    parts, places, frames = [], [], 0
    for joints in stretches:
        # Everything begins at one place of the floor.
        middle = joints[0, 7:9].mean(0)
        joints = joints - np.where(np.arange(len(middle)) == 1, 0, middle)
        if parts:
            last = parts[-1][-1]
            if rng.random() < 0.6:
                count = int(rng.integers(10, 120))
                sway = rng.normal(0, 0.002, (count, 1, last.shape[-1]))
                parts.append(last + sway.cumsum(0))
                last = parts[-1][-1]
            share = np.linspace(0, 1, int(rng.integers(10, 32)))[1:-1]
            share = (share**2 * (3 - 2 * share))[:, None, None]
            parts.append((1 - share) * last + share * joints[0])
            frames = sum(map(len, parts))
        places.append((frames, frames + len(joints)))
        parts.append(joints)
    return np.concatenate(parts), places


def draw_recording(repetitions, others, subjects, number, rng):
    """Draw a recording of one subject, and references."""
    subject = subjects[number % len(subjects)]
    done = [e for e in EXERCISES if (e, subject) in repetitions]
    target = int(rng.choice(done))
    exercises = list(rng.choice([e for e in done if e != target], 2, False))
    exercises += [target] * bool(rng.random() < 0.6)
    blocks, shown = [], {}
    for exercise in exercises:
        pool = repetitions[exercise, subject]
        count = min(int(rng.integers(2, 6)), len(pool) - 1)
        chosen = rng.choice(len(pool), count, replace=False)
        shown[exercise] = set(chosen.tolist())
        blocks.append([(exercise, pool[i]) for i in chosen])
    if rng.random() < 0.3:
        blocks = [[one] for block in blocks for one in block]
    for _ in range(int(rng.integers(0, 3))):
        other = others[rng.integers(len(others))]
        length = min(len(other), int(rng.integers(80, 250)))
        start = int(rng.integers(len(other) - length + 1))
        blocks.append([(0, other[start : start + length])])
    rng.shuffle(blocks)
    stretches = [one for block in blocks for one in block]
    joints, places = join([one for _, one in stretches], rng)
    truth = [
        place
        for (exercise, _), place in zip(stretches, places, strict=True)
        if exercise == target
    ]
    own = [
        one
        for i, one in enumerate(repetitions[target, subject])
        if i not in shown.get(target, ())
    ]
    people = [
        one
        for one in rng.permutation(subjects)
        if one != subject and (target, one) in repetitions
    ]
    of_others = [
        pool[rng.integers(len(pool))]
        for pool in (repetitions[target, one] for one in people)
    ]
    references = {
        'one, own': [own[rng.integers(len(own))]],
        'one, of another': of_others[:1],
        'three, of others': of_others[:3],
    }
    return Task(joints, truth, references)


def film(task, apart, rng):
    """See everybody from a direction of its own, in 2D, y down."""

    def view(joints):
        left, right = np.transpose(PENN_ACTION['flip_pairs'])
        across = (joints[:, left] - joints[:, right]).sum((0, 1))
        angle = np.arctan2(across[2], across[0])
        angle += np.radians(rng.uniform(-apart, apart))
        x = np.cos(angle) * joints[..., 0] + np.sin(angle) * joints[..., 2]
        return np.stack([x, -joints[..., 1]], -1)

    return task._replace(
        joints=view(task.joints),
        references={
            kind: [view(one) for one in chosen]
            for kind, chosen in task.references.items()
        },
    )


def draw_synthetic(rng):
    """Draw a recording of three random activities, and references."""
    activities = []
    while len(activities) < 3:
        activity = draw_activity(rng)
        # A period of a periodic one has no beginning.
        if not activity.is_periodic:
            activities.append(activity)

    def perform(activity):
        return draw_performance(activity, rng).keypoint

    kinds = [1, 2] + [0] * bool(rng.random() < 0.6)
    stretches = [
        (kind, perform(activities[kind]))
        for kind in kinds
        for _ in range(int(rng.integers(2, 6)))
    ]
    joints, places = join([one for _, one in stretches], rng)
    truth = [
        place
        for (kind, _), place in zip(stretches, places, strict=True)
        if kind == 0
    ]
    references = [perform(activities[0]) for _ in range(3)]
    kinds = {'one': references[:1], 'three': references}
    return Task(joints, truth, kinds)


def record(joints, name):
    """Make the record of a sequence."""
    skeleton = PENN_ACTION | dict(up_axis='y')
    return dict(
        frame_dir=name,
        total_frames=len(joints),
        frame_rate=RATE,
        keypoint=joints[None].astype(np.float32),
        skeleton=skeleton,
    )


def find_by_joints(model, references, recording, tolerance):
    """Search with normalized joints alone: the baseline."""
    mirrors = [model.embed_mirrored(one) for one in references]
    body = select_body(recording)
    return find_occurrences(
        [flatten_joints(body_joints(one)) for one in (*references, *mirrors)],
        flatten_joints(body_joints(recording)),
        tolerance,
        embed_parts=lambda parts: map(
            flatten_joints, joints_of_parts(body, parts)
        ),
    )


def is_right(found, true):
    """Whether the intersection is half of the union or more."""
    common = min(found[1], true[1]) - max(found[0], true[0])
    return 3 * common >= found[1] - found[0] + true[1] - true[0]


def judge(results):
    """Compute F1, exact counts and false alarms, in percent."""
    right = wrong = missed = exact = 0
    alarms = []
    for found, truth in results:
        left = list(truth)
        for one in found:
            match = next((true for true in left if is_right(one, true)), None)
            if match is None:
                wrong += 1
            else:
                left.remove(match)
                right += 1
        missed += len(left)
        exact += len(found) == len(truth)
        if not truth:
            alarms.append(bool(found))
    return (
        100 * 2 * right / max(2 * right + wrong + missed, 1),
        100 * exact / len(results),
        100 * np.mean(alarms) if alarms else np.nan,
    )


def errors_of_ends(results):
    """Compute mean absolute errors of right starts and ends, in seconds."""
    pairs = [
        (one, true)
        for found, truth in results
        for true in truth
        for one in found
        if is_right(one, true)
    ]
    if not pairs:
        return np.nan, np.nan
    found, truth = np.array(pairs, dtype=float).swapaxes(0, 1)
    return tuple(np.abs(found - truth).mean(0) / RATE)


def add_moments(parser):
    """Add the option of how windows are encoded."""
    parser.add_argument(
        '--moments',
        type=int,
        default=finding.SEARCH_MOMENTS,
        help='at which references and windows are encoded; the model has 48',
    )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--prmd', help='UI-PRMD, vicon.npz')
    parser.add_argument('--cmu', help='other movements, cmu.npz')
    parser.add_argument('--subjects', choices=SUBJECTS, default='report')
    parser.add_argument('--views', choices=('2d', '3d'), default='3d')
    parser.add_argument('--apart', type=float, default=50.0)
    parser.add_argument('--synthetic', action='store_true')
    parser.add_argument('--recordings', type=int, default=40)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--tolerance', type=float, nargs='*', default=[None])
    parser.add_argument('--baseline', type=float, nargs='*', default=[0.3])
    add_moments(parser)
    args = parser.parse_args()
    finding.SEARCH_MOMENTS = args.moments
    if not args.synthetic and not (args.prmd and args.cmu):
        parser.error('--prmd and --cmu, or --synthetic, are expected')
    warnings.filterwarnings('ignore', '.* is upside down')
    rng = np.random.default_rng([args.seed, args.subjects == 'report'])
    if args.synthetic:
        tasks = [draw_synthetic(rng) for _ in range(args.recordings)]
    else:
        repetitions = read_repetitions(args.prmd)
        others = read_others(args.cmu)
        tasks = [
            draw_recording(
                repetitions, others, SUBJECTS[args.subjects], number, rng
            )
            for number in range(args.recordings)
        ]
        if args.views == '2d':
            tasks = [film(task, args.apart, rng) for task in tasks]
    model = masa.load()
    results, seconds = {}, []
    for task in tasks:
        recording = model.embed(record(task.joints, 'recording'), parts=True)[
            0
        ]
        for kind, references in task.references.items():
            references = model.embed(
                [record(one, f'{i}') for i, one in enumerate(references)]
            )
            for tolerance in args.baseline:
                found = find_by_joints(model, references, recording, tolerance)
                key = kind, f'joints alone, tolerance {tolerance:g}'
                results.setdefault(key, []).append((found, task.truth))
            for tolerance in args.tolerance:
                start = time.perf_counter()
                found = model.find(references, recording, tolerance, True)
                seconds.append(time.perf_counter() - start)
                key = kind, 'masa find'
                if tolerance is not None:
                    key = kind, f'masa find, tolerance {tolerance:g}'
                results.setdefault(key, []).append((found, task.truth))
    table = Table(
        *('references', 'search', 'F1', 'exact count', 'false alarm'),
        *('start, s', 'end, s'),
    )
    for (kind, search), found in sorted(results.items()):
        pairs = [
            ([(one.start_frame, one.end_frame) for one in each], truth)
            for each, truth in found
        ]
        table.add_row(
            *(kind, search, *(f'{v:.1f}' for v in judge(pairs))),
            *(f'{v:.3f}' for v in errors_of_ends(pairs)),
        )
    console = Console(width=100)
    console.print(table)
    frames = np.mean([len(task.joints) for task in tasks])
    absent = sum(not task.truth for task in tasks)
    console.print(
        f'{len(tasks)} recordings of {frames:.0f} frames on average, {absent} '
        f'without the exercise; {np.median(seconds):.2f} s a search (median)'
    )


if __name__ == '__main__':
    main()
