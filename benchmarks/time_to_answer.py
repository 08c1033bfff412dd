r"""Measure the time from a shell to an answer, beside its floor.

Each command runs in a process of its own, and its wall-clock and CPU seconds
are measured, those of its child processes included; the first of two runs is
cold, for what the operating system and masa keep. The floor is what a command
cannot do without: the start of Python with NumPy and ONNX Runtime, or for
videos the pose model on the same frames. Motion is generated: 2D joints of
random activities. Parts:

    commands   align, find and compare pose files
    videos     align two videos of ten seconds: --video is repeated
    calls      live.push, and an alignment, in one process
    retrieval  one frame among a million: retrieval_scale.py tells how
    growth     the time by the length, and by the number of sequences
    test       masa test on Penn Action's labels: MASA_SHARED
    demo       masa train and masa test of masa_demo

Results are added to those of other parts in the file of ``-o``, of which the
tables of a page and the picture are made.

Example:
    python benchmarks/time_to_answer.py commands calls growth \
        -o results.json --page docs/performance.md
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import av
import numpy as np
from answer_page import (
    TABLES,
    describe_machine,
    draw_growth,
    make_markdown,
    write_page,
)

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
MASA = ('-m', 'masa')
POSES = ('--layout', 'PENN_ACTION', '--frame-rate', str(RATE))


# Of faiss, with search parameters; the first one is exact.
INDICES = {'Flat': '', 'IVF1024,Flat': 'nprobe=16'}
NEIGHBORS = 15


def perform(number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw performances of one activity, (T, 13, 2) each, seen by a camera."""
    activity = draw_activity(rng)
    while activity.is_periodic:
        activity = draw_activity(rng)
    return [draw_performance(activity, rng).keypoint for _ in range(number)]


def repeat(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Repeat a performance by one person, seen by one camera."""
    return joints + rng.normal(scale=0.01 * joints.std(), size=joints.shape)


def record(
    frames: int, rng: np.random.Generator, *known: np.ndarray
) -> np.ndarray:
    """Join performances of several activities to a recording.

    One of ``known`` is repeated after every eighth activity.
    """
    parts: list[np.ndarray] = []
    for number in count(1):
        parts += perform(3, rng)
        if known and number % 8 == 0:
            parts.append(repeat(known[number // 8 % len(known)], rng))
        if sum(map(len, parts)) >= frames:
            break
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


def run_all(
    programs: dict[str, list[str]], folder: Path, runs: int = 2
) -> list[dict]:
    """Run programs, each with a cache of its own that is empty at first."""
    rows = []
    for number, (name, words) in enumerate(programs.items()):
        cache = folder / f'cache{number}'
        rows.append(
            dict(name=name, runs=[run(words, cache) for _ in range(runs)])
        )
        print(rows[-1], flush=True)
    return rows


def per_call(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def command(
    folder: Path, name: str, *inputs: str, options=POSES, end: str = 'csv'
) -> list[str]:
    """Return the words of a command that writes a file of the folder."""
    output = str(folder / f'out.{end}')
    return [*MASA, name, *inputs, *options, '--overwrite', '-o', output]


def measure_commands(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure commands on pose files."""
    rng = np.random.default_rng(0)
    short, long = perform(2, rng)
    ten = np.concatenate([repeat(long, rng) for _ in range(10)])
    recording = record(30 * MINUTE, rng, short, long)
    paths = {}
    for name, joints in dict(a=short, b=long, ten=ten, r=recording).items():
        paths[name] = str(folder / f'{name}.npy')
        np.save(paths[name], joints)
    a, b, ten, recording = paths.values()
    programs = {
        'floor: start Python with NumPy and ONNX Runtime': ['-c', FLOOR],
        '`masa align` of two pose files': command(folder, 'align', a, b),
        'the same as a page': command(folder, 'align', a, b, end='html'),
    }
    for path, joints in ((a, short), (b, long)):
        seconds = len(joints) / RATE
        programs[
            f'`masa find` of {seconds:.0f} s in a pose file of 30 minutes'
        ] = command(folder, 'find', path, recording)
    programs['`masa compare --repetitions`, ten repetitions'] = command(
        folder, 'compare', b, ten, '--repetitions', end='json'
    )
    return run_all(programs, folder)


def measure_videos(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure the alignment of two videos."""
    videos = [str(folder / f'{name}.mp4') for name in 'pq']
    for video, seconds in zip(videos, (10.0, 10.5), strict=True):
        make_video(args.video, Path(video), seconds)
    pose_model = ['-c', POSE_MODEL, *videos]
    sparse = ('--time-step', '0.1')
    programs = {
        'floor: the pose model alone on two videos of 10 s': pose_model,
        '`masa align` of these two videos': command(
            folder, 'align', *videos, options=()
        ),
        'the same with `--time-step 0.1`': command(
            folder, 'align', *videos, options=sparse
        ),
    }
    return run_all(programs, folder)


def measure_calls(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure calls in one process."""
    rng = np.random.default_rng(1)
    model = masa.load(layout='PENN_ACTION', frame_rate=RATE)
    reference, attempt = model.embed(perform(2, rng))
    live = model.follow(reference)
    pushes = [
        per_call(lambda one=joints, t=i: live.push(one, t / RATE))
        for i, joints in enumerate(record(2 * MINUTE, rng))
    ]
    aligned = [
        per_call(lambda: model.align(reference, attempt)) for _ in range(100)
    ]
    rows = []
    for name, seconds in {
        '`live.push`, a frame': pushes,
        '`model.align` of two embedded sequences': aligned,
    }.items():
        median, high = 1000 * np.percentile(seconds, [50, 99])
        rows.append(dict(name=name, median=median, high=high))
    return rows


def measure_retrieval(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure the search for one frame, and what approximation misses."""
    import retrieval_scale

    sequences = retrieval_scale.make_sequences(args.frames)
    chosen = [0, len(sequences) // 2, len(sequences) - 1]
    rows, exact = [], None
    for factory, parameters in INDICES.items():
        found = retrieval_scale.measure_index(
            sequences, chosen, factory, parameters, NEIGHBORS
        )
        exact = exact or found['rows']
        rows.append(
            dict(
                name=f'{factory} {parameters}'.strip(),
                frames=args.frames,
                ms=1000 * found['alone']['wall'],
                recall=retrieval_scale.found_share(found['rows'], exact),
                mib=found['bytes'] / 2**20,
                build=found['build']['cpu'],
            )
        )
        print(rows[-1], flush=True)
    return rows


def measure_growth(folder: Path, args: argparse.Namespace) -> dict:
    """Measure the time by the length of a recording, and by the number."""
    rng = np.random.default_rng(2)
    model = masa.load(layout='PENN_ACTION', frame_rate=RATE)
    (short,) = perform(1, rng)
    (reference,) = model.embed([short])
    minutes, numbers = [1, 3, 10, 30], [10, 100, 1000]
    by_length: dict[str, list[float]] = {
        name: [] for name in ('embed', 'find', 'align two')
    }
    for length in minutes:
        both = [record(length * MINUTE, rng, short) for _ in range(2)]
        start = time.perf_counter()
        first, second = model.embed(both, parts=True)
        by_length['embed'].append((time.perf_counter() - start) / 2)
        for name, call in {
            'find': lambda one=first: model.find(reference, one),
            'align two': lambda a=first, b=second: model.align(a, b),
        }.items():
            by_length[name].append(per_call(call))
    by_number: dict[str, list[float]] = {'embed': [], 'align all': []}
    for number in numbers:
        joints = perform(number, rng)
        start = time.perf_counter()
        many = model.embed(joints)
        by_number['embed'].append(time.perf_counter() - start)
        by_number['align all'].append(
            per_call(lambda one=many: model.align_all(one))
        )
    return {
        'minutes at 30 frames a second': dict(
            sizes=minutes, seconds=by_length
        ),
        'number of sequences': dict(sizes=numbers, seconds=by_number),
    }


def measure_test(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure the test of the pretrained model on real data."""
    labels = args.shared / 'penn_action'
    ann_file = folder / 'penn.pkl'
    phases = ('--phases', str(labels / 'kinematic_phases.json'))
    run(
        [
            *(*MASA, 'convert', 'penn', str(labels / 'labels')),
            *(str(ann_file), '--only-labeled', '--test-share', '0.2', *phases),
        ],
        folder / 'cache',
    )
    words = [
        *(*MASA, 'test', 'finetune_skeleton', masa.pretrained_weights()),
        *('--work-dir', str(folder / 'tested'), '--overwrite'),
        *('--cfg-options', f'test_dataloader.dataset.ann_file={ann_file}'),
        # As it is, and not as it is trained on.
        *('test_dataloader.dataset.split=test', 'model.neck=None'),
        'model.backbone.unit_norm=True',
    ]
    return run_all({'`masa test` of Penn Action, a fifth': words}, folder)


def measure_demo(folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure the demo, once."""
    work_dir = ('--work-dir', str(folder / 'demo'))
    programs = {
        f'`masa {name} masa_demo`': [*MASA, name, 'masa_demo', *work_dir]
        for name in ('train', 'test')
    }
    return run_all(programs, folder, runs=1)


MEASURES: dict[str, Callable[[Path, argparse.Namespace], list | dict]] = dict(
    commands=measure_commands,
    videos=measure_videos,
    calls=measure_calls,
    retrieval=measure_retrieval,
    growth=measure_growth,
    test=measure_test,
    demo=measure_demo,
)


def choose_parts(args: argparse.Namespace) -> list[str]:
    """Leave out the parts that lack their input, and say so."""
    chosen = list(args.parts or MEASURES)
    if args.video is None and 'videos' in chosen:
        chosen.remove('videos')
        print('left out: videos, without --video')
    labels = args.shared / 'penn_action'
    if 'test' in chosen and not labels.is_dir():
        chosen.remove('test')
        print(f'left out: test, as there is no {labels}')
    return chosen


def main() -> None:
    """Measure, and write the results, the tables and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('parts', nargs='*', help='default: all')
    parser.add_argument('-o', '--output', type=Path, help='.json to add to')
    parser.add_argument(
        '--page', type=Path, help='whose tables and figures/growth.png to make'
    )
    parser.add_argument('--video', type=Path, help='of a whole body')
    parser.add_argument('--frames', type=int, default=1_000_000)
    parser.add_argument(
        '--shared',
        type=Path,
        default=os.environ.get('MASA_SHARED', '../shared'),
    )
    args = parser.parse_args()
    unknown = set(args.parts) - set(MEASURES)
    if unknown:
        parser.error(f'parts are {list(MEASURES)}, but got {sorted(unknown)}')
    results = {}
    if args.output is not None and args.output.is_file():
        results = json.loads(args.output.read_text(encoding='utf-8'))
    for part in choose_parts(args):
        results[part] = dict(machine=describe_machine())
        with tempfile.TemporaryDirectory() as folder:
            results[part]['rows'] = MEASURES[part](Path(folder), args)
        # What is measured is kept if a later part fails.
        if args.output is not None:
            text = json.dumps(results, indent=1)
            args.output.write_text(text + '\n', encoding='utf-8')
    ordered = {name: results[name] for name in TABLES if name in results}
    markdown = make_markdown(ordered)
    print(markdown)
    if args.page is not None:
        write_page(args.page, markdown)
        if 'growth' in results:
            picture = args.page.parent / 'figures' / 'growth.png'
            draw_growth(results['growth']['rows'], picture)


if __name__ == '__main__':
    main()
