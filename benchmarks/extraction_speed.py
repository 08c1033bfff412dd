r"""Measure how fast poses are extracted from the videos of a folder.

The floor is what the pose model takes for the same frames, decoded before, in
one process. Beside it are the whole extraction one video after the other, as
many at once as there are cores, at a time step, and of what is kept from
before. The joints at a time step are compared with those of every frame.

Example:
    python benchmarks/extraction_speed.py videos --copies 3
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from masa.datasets.records import read_records
from masa.extraction.content_cache import ContentCache
from masa.extraction.extraction_run import extract, plan_extraction
from masa.extraction.frames import FrameReader
from masa.extraction.parallel import available_cores
from masa.extraction.pose_estimator import PoseEstimator
from masa.extraction.pose_run import PoseExtraction
from masa.extraction.sequences import find_sequences


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('videos', type=Path, help='folder of videos')
    parser.add_argument(
        '--copies',
        type=int,
        default=1,
        help='of every video, so that there is work for all cores',
    )
    parser.add_argument('--time-step', type=float, default=0.1)
    return parser.parse_args()


def seconds_of(run: Callable[[], object]) -> float:
    """Run a function and return its seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def seconds_of_parts(
    path: Path, estimator: PoseEstimator
) -> tuple[float, float, int]:
    """Return the seconds of decoding and of the pose model, and the frames."""
    pictures: list[np.ndarray] = []
    decoding = seconds_of(lambda: pictures.extend(FrameReader(path)))
    model = seconds_of(lambda: list(estimator.detect(pictures)))
    return decoding, model, len(pictures)


def measure(args: argparse.Namespace, folder: Path) -> None:
    """Measure and print the table."""
    videos = folder / 'videos'
    videos.mkdir()
    for one in find_sequences([args.videos]):
        for copy in range(args.copies):
            name = f'{one.path.stem}_{copy}{one.path.suffix}'
            shutil.copyfile(one.path, videos / name)
    cache = ContentCache(folder / 'cache')
    found: dict[str, list[dict]] = {}

    def run(name: str, workers: int, time_step: float = 0.0, kept=None):
        extraction = PoseExtraction(
            'mediapipe', 'body3d', min_found=0.1, time_step=time_step
        )
        output = folder / name
        plan = plan_extraction(extraction, [videos], output)
        ann_file = folder / f'{name}.pkl'
        extract(
            *(extraction, plan, output, ann_file),
            workers=workers,
            cache=kept,
        )
        found[name] = read_records(ann_file)

    estimator = PoseExtraction('mediapipe', 'body3d').estimator
    estimator.prepare()
    parts = [
        seconds_of_parts(path, estimator) for path in sorted(videos.iterdir())
    ]
    decoding, floor, frames = map(sum, zip(*parts, strict=True))
    cores = available_cores()
    table = Table('', 'seconds', 'frames/s', 'of the pose model')

    def show(name: str, seconds: float) -> None:
        share, rate = seconds / floor, frames / seconds
        table.add_row(name, f'{seconds:.1f}', f'{rate:.1f}', f'{share:.2f}')

    show('decoding alone', decoding)
    show('pose model alone', floor)
    show('extraction, one at once', seconds_of(lambda: run('one', 1)))
    show(
        f'extraction, {cores} at once',
        seconds_of(lambda: run('all', cores, kept=cache)),
    )
    show(
        f'the same every {args.time_step:g} s',
        seconds_of(lambda: run('step', cores, args.time_step)),
    )
    show(
        'the same, kept from before',
        seconds_of(lambda: run('kept', cores, kept=cache)),
    )
    Console().print(table)
    names = ('one', 'all', 'kept')
    alike = [
        all(
            np.array_equal(a['keypoint'], b['keypoint'])
            for a, b in zip(found['one'], found[name], strict=True)
        )
        for name in names
    ]
    print(f'{frames} frames; joints of {", ".join(names)} equal: {alike}')
    errors = np.concatenate(
        [
            np.linalg.norm(a['keypoint'] - b['keypoint'], axis=-1)[
                (a['keypoint_score'] > 0.5) & (b['keypoint_score'] > 0.5)
            ]
            for a, b in zip(found['one'], found['step'], strict=True)
        ]
    )
    middle, high = np.percentile(100 * errors, [50, 95])
    print(
        f'joints every {args.time_step:g} s: {middle:.1f} cm from those of '
        f'every frame in the median, {high:.1f} cm in 95%'
    )


def main() -> None:
    """Measure in a temporary folder."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args, Path(folder))


if __name__ == '__main__':
    main()
