"""Measure how long a search in a long recording takes, on one core.

    python benchmarks/find_speed.py --prmd ../shared/ui_prmd/vicon.npz \
        --cmu ../shared/cmu_mocap/cmu.npz --views 3d

The recording joins those of benchmarks/find.py, of one subject, at 30 frames a
second, with noise of a hundredth of the data's unit. Plain references, in the
same run: embedding every window of it once, one by one (windows as long as the
reference that overlap by half), which no search of this kind can do without;
and subsequence dynamic time warping of normalized joints (dtaidistance), which
finds the best places and embeds nothing. Processor times, which other
processes on the machine disturb less than the time that passes.
"""

import argparse
import time
import warnings

import find
import numpy as np
from dtaidistance.subsequence.dtw import subsequence_alignment
from rich.console import Console
from rich.table import Table

import masa
from masa.alignment.joint_angles import body_joints, flatten_joints
from masa.alignment.resampling import resample
from masa.apis import finding
from masa.datasets.parts import crop_record

RATE = 30.0


def at_rate(joints):
    """Resample a sequence of the data."""
    frames = max(2, round(len(joints) * RATE / find.RATE))
    flat = resample(joints.reshape(len(joints), -1), frames)
    return flat.reshape(frames, *joints.shape[1:])


def draw_long(args, rng):
    """Draw a long recording, and a reference."""
    repetitions = find.read_repetitions(args.prmd)
    others = find.read_others(args.cmu)
    subjects = find.SUBJECTS['choice']
    parts, frames = [], 0
    while frames < args.minutes * 60 * RATE:
        # Number 0 is always the first subject.
        task = find.draw_recording(repetitions, others, subjects, 0, rng)
        parts.append(at_rate(task.joints))
        frames += len(parts[-1])
    joints = np.concatenate(parts)[: round(args.minutes * 60 * RATE)]
    joints += rng.normal(0, 0.01, joints.shape)
    reference = at_rate(task.references['one, own'][0])
    task = find.Task(joints, [], {'one': [reference]})
    if args.views == '2d':
        task = find.film(task, 0.0, rng)
    return task.joints, task.references['one'][0]


def record(joints, name):
    """Make the record of a sequence."""
    return find.record(joints, name) | dict(frame_rate=RATE)


def seconds(function):
    """Measure the processor time of a call."""
    start = time.process_time()
    found = function()
    return time.process_time() - start, found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--prmd', required=True, help='UI-PRMD, vicon.npz')
    parser.add_argument('--cmu', required=True, help='other movements')
    parser.add_argument('--views', choices=('2d', '3d'), default='3d')
    parser.add_argument('--minutes', type=float, default=30.0)
    parser.add_argument('--seed', type=int, default=0)
    find.add_moments(parser)
    args = parser.parse_args()
    finding.SEARCH_MOMENTS = args.moments
    warnings.filterwarnings('ignore', 'sequence .* is upside down')
    rng = np.random.default_rng(args.seed)
    recording, reference = draw_long(args, rng)
    model = masa.load()
    (reference,) = model.embed(record(reference, 'reference'))
    (recording,) = model.embed(record(recording, 'recording'), parts=True)
    window = len(reference)
    starts = range(0, len(recording) - window, window // 2)

    def embed_windows():
        for start in starts:
            part = crop_record(recording.record, start, start + window)
            model.model.embed([model.model.prepare(part)])

    def warp():
        poses = [
            flatten_joints(body_joints(one)) for one in (reference, recording)
        ]
        return subsequence_alignment(*poses, use_c=True).best_match()

    spent, found = seconds(lambda: model.find(reference, recording))
    rows = [
        ('masa find', spent),
        (f'{len(starts)} windows, embedded once', seconds(embed_windows)[0]),
        ('subsequence DTW of joints', seconds(warp)[0]),
    ]
    table = Table('', 'processor time, s', 'of masa find')
    for name, one in rows:
        table.add_row(name, f'{one:.1f}', f'{one / spent:.2f}')
    console = Console(width=100)
    console.print(table)
    console.print(
        f'{len(recording)} frames, a reference of {window}; {len(found)} found'
    )


if __name__ == '__main__':
    main()
