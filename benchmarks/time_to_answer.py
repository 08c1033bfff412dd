r"""Measure the time from a shell to an answer, beside its floor.

Each command runs in a process of its own, and its wall-clock and CPU seconds
are printed, those of its child processes included; the first of two runs is
cold, for what the operating system and masa keep. The floor is what a command
cannot do without: the start of Python with NumPy and ONNX Runtime, or for
videos the pose model on the same frames. What runs inside of a process is
printed per call. Motion is generated: 2D joints of random activities.

VIDEO is repeated to ten seconds; without it the lines of videos are left out.
``--figure`` draws how the time grows with the length of a recording.

Example:
    python benchmarks/time_to_answer.py --video people.mp4 --figure growth.png
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

import masa
from masa.datasets.random_activities import draw_activity, draw_performance

RATE = 30
MINUTE = 60 * RATE
FLOOR = 'import numpy, onnxruntime'
POSE_MODEL = """
import sys
from masa.extraction.frames import FrameReader
from masa.extraction.mediapipe_estimator import MediaPipeEstimator
estimator = MediaPipeEstimator('body3d')
for path in sys.argv[1:]:
    for _ in estimator.detect(FrameReader(path)):
        pass
"""
POSES = ('--layout', 'PENN_ACTION', '--frame-rate', str(RATE))


def perform(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw performances of one activity, (T, 13, 2) each, seen by a camera."""
    activity = draw_activity(rng)
    while activity.is_periodic:
        activity = draw_activity(rng)
    return [
        draw_performance(activity, rng).keypoint[..., :2] * [1, -1]
        for _ in range(count)
    ]


def record(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Join performances of several activities to a recording."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < frames:
        parts += perform(3, rng)
    return np.concatenate(parts)[:frames].astype(np.float32)


def make_video(source: Path, target: Path, seconds: float) -> None:
    """Repeat a video until it is so long."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        rate = round(stream.average_rate)
        images = [frame.to_image() for frame in container.decode(stream)]
    with av.open(str(target), 'w') as container:
        stream = container.add_stream('libx264', rate=rate)
        stream.width, stream.height = images[0].size
        stream.pix_fmt = 'yuv420p'
        for i in range(round(seconds * rate)):
            frame = av.VideoFrame.from_image(images[i % len(images)])
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def run(words: list[str], cache: Path) -> tuple[float, float]:
    """Run a program; return its wall-clock and CPU seconds."""
    before = os.times()
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, '-W', 'ignore', *words],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | dict(MASA_CACHE=str(cache)),
    )
    wall = time.perf_counter() - start
    after = os.times()
    cpu = (
        after.children_user
        + after.children_system
        - before.children_user
        - before.children_system
    )
    return wall, cpu


def per_call(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure_commands(folder: Path, video: Path | None) -> None:
    """Print the seconds of commands, cold and warm, and of their floors."""
    rng = np.random.default_rng(0)
    good, other = perform(2, rng)
    long = record(30 * MINUTE, rng)
    # Of one person, seen by one camera.
    ten = np.tile(good, (10, 1, 1))
    ten += rng.normal(scale=0.01 * ten.std(), size=ten.shape)
    arrays = dict(a=good, b=other, long=long, ten=ten)
    paths = {name: str(folder / f'{name}.npy') for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    masa_words = ['-m', 'masa']

    def command(name: str, *inputs: str, options=POSES, end='csv'):
        return [
            *(*masa_words, name, *inputs, *options, '--overwrite'),
            *('-o', str(folder / f'out.{end}')),
        ]

    align = command('align', paths['a'], paths['b'])
    programs = {
        'floor: python, NumPy, ONNX Runtime': ['-c', FLOOR],
        'align two pose files': align,
        'the same as a page': command(
            'align', paths['a'], paths['b'], end='html'
        ),
        f'find in {len(long) / MINUTE:.0f} minutes': command(
            'find', paths['a'], paths['long']
        ),
        'compare ten repetitions': command(
            *('compare', paths['a'], paths['ten'], '--repetitions'),
            end='json',
        ),
    }
    if video is not None:
        clips = [str(folder / f'{name}.mp4') for name in 'pq']
        for clip, seconds in zip(clips, (10.0, 10.5), strict=True):
            make_video(video, Path(clip), seconds)
        programs |= {
            'floor: pose model on two videos of 10 s': [
                *('-c', POSE_MODEL, *clips)
            ],
            'align two videos of 10 s': command('align', *clips, options=()),
            'the same, poses every 0.1 s': command(
                'align', *clips, options=('--time-step', '0.1')
            ),
        }
    print(f'{"wall / CPU, s":42}{"first":>16}{"again":>16}')
    for name, words in programs.items():
        cache = folder / f'cache {name[:20]}'
        seconds = [run(words, cache) for _ in range(2)]
        shown = ''.join(f'{wall:9.2f} /{cpu:5.2f}' for wall, cpu in seconds)
        print(f'{name:42}{shown}', flush=True)


def measure_calls() -> None:
    """Print the seconds of calls in one process."""
    rng = np.random.default_rng(1)
    model = masa.load(layout='PENN_ACTION', frame_rate=RATE)
    reference, attempt = model.embed(perform(2, rng))
    live = model.follow(reference)
    frames, pushes = record(2 * MINUTE, rng), []
    for i, joints in enumerate(frames):
        pushes.append(
            per_call(lambda one=joints, t=i: live.push(one, t / RATE))
        )
    middle, high = 1000 * np.percentile(pushes, [50, 99])
    print(f'live, a frame: {middle:.1f} ms, 99% below {high:.1f} ms')
    seconds = per_call(lambda: model.align(reference, attempt))
    print(f'align two embedded sequences: {1000 * seconds:.1f} ms')
    records = [
        dict(frame_dir=str(i), keypoint=one[None, :100], frame_rate=RATE)
        for i, one in enumerate(perform(1000, rng))
    ]
    records = [
        one | dict(total_frames=one['keypoint'].shape[1]) for one in records
    ]
    start = time.perf_counter()
    many = model.embed(records)
    embedded = time.perf_counter()
    model.align_all(many)
    aligned = time.perf_counter()
    print(
        f'align_all of 1,000 sequences: {embedded - start:.1f} s to embed, '
        f'{aligned - embedded:.1f} s to align'
    )


def draw_growth(path: Path) -> None:
    """Draw the time of searching and aligning by the length."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(2)
    model = masa.load(layout='PENN_ACTION', frame_rate=RATE)
    (reference,) = model.embed(perform(1, rng))
    minutes = [1, 3, 10, 30]
    seconds: dict[str, list[float]] = {
        'embed': [],
        'find a reference in it': [],
        'align two of this length': [],
    }
    for length in minutes:
        both = [record(length * MINUTE, rng) for _ in range(2)]
        start = time.perf_counter()
        first, second = model.embed(both)
        seconds['embed'].append((time.perf_counter() - start) / 2)
        seconds['find a reference in it'].append(
            per_call(lambda one=first: model.find(reference, one))
        )
        seconds['align two of this length'].append(
            per_call(lambda a=first, b=second: model.align(a, b))
        )
    figure, axes = plt.subplots(figsize=(6, 4), layout='constrained')
    for name, values in seconds.items():
        axes.loglog(minutes, values, 'o-', label=name)
        shown = ', '.join(f'{one:.2f}' for one in values)
        print(f'{name}, s, for {minutes} minutes: {shown}')
    axes.set(xlabel='minutes at 30 frames a second', ylabel='seconds')
    axes.set_xticks(minutes, [str(one) for one in minutes])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--video', type=Path, help='of a whole body')
    parser.add_argument('--figure', type=Path, help='.png of the growth')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_commands(Path(folder), args.video)
    measure_calls()
    if args.figure is not None:
        draw_growth(args.figure)


if __name__ == '__main__':
    main()
