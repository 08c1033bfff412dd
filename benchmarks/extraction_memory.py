r"""Measure the peak memory of extraction by the length of the video.

Each video is generated and processed in a separate process. Its peak is
printed with the memory that all of the video's frames would take at once.
Features come from a model with random weights, by default a tiny one, and
poses from a small random model of mmpose or from MediaPipe.

Example:
    python benchmarks/extraction_memory.py --minutes 1 5 30
    python benchmarks/extraction_memory.py --tool skeletons --minutes 1 5
    python benchmarks/extraction_memory.py --tool skeletons \
        --backend mediapipe --source people.mp4 --fps 10 --minutes 1 30
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from rich.console import Console
from rich.table import Table

TOOLS = Path(__file__).resolve().parents[1] / 'tools'
NOBODY_NEEDED = ('--min-found', '0')
POSE_MODEL = (
    'mmpose::body_2d_keypoint/rtmpose/body8/'
    'rtmpose-t_8xb256-420e_body8-256x192.py'
)
MEBIBYTE = 2**20


def moving_ramp(width: int, height: int) -> Iterator[np.ndarray]:
    """Yield pictures of a moving ramp, for ever."""
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (height, width, 3))
    for shift in itertools.cycle(range(width)):
        yield np.roll(image, shift, axis=1)


def repeated(source: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """Yield the pictures of a video again and again."""
    while True:
        with av.open(str(source)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(
                    width=width, height=height, format='rgb24'
                )


def make_video(path: Path, frames: int, args: argparse.Namespace) -> None:
    """Write a video of so many frames."""
    size = args.width, args.height
    pictures = repeated(args.source, *size) if args.source else None
    pictures = pictures or moving_ramp(*size)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=args.fps)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        for picture in itertools.islice(pictures, frames):
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def tool_options(args: argparse.Namespace) -> tuple[str, ...]:
    """Say what a tool is to do with a video."""
    if args.tool == 'features':
        return (
            *('--model', args.model, '--image-size', str(args.image_size)),
            *('--batch-size', str(args.batch_size), '--workers', '2'),
            *('--random-weights', '0', '--device', 'cpu'),
        )
    if args.backend == 'mediapipe':
        # Whether there is a person does not matter here.
        return '--backend', 'mediapipe', '--target', 'body3d', *NOBODY_NEEDED
    return (
        *('--backend', 'mmpose', '--detector', 'none', '--target', 'body3d'),
        *('--pose-model', POSE_MODEL),
        *('--random-weights', '0', '--device', 'cpu'),
    )


def measure(
    tool: str, video: Path, folder: Path, options: Sequence[str]
) -> tuple[float, int]:
    """Extract in a process of its own.

    Args:
        tool (str): ``features`` or ``skeletons``.
        video (Path): The video.
        folder (Path): For the output.
        options (Sequence[str]): Other options of the tool.

    Returns:
        tuple[float, int]: Seconds, and bytes resident at the peak.
    """
    command = [
        *(sys.executable, '-W', 'ignore', str(TOOLS / f'extract_{tool}.py')),
        *(str(video), '--output', str(folder / video.stem)),
        *('--ann-file', str(folder / f'{video.stem}.pkl'), *options),
    ]
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{video}: {errors.decode()}')
    # Kibibytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == 'darwin' else 1024
    return time.perf_counter() - start, usage.ru_maxrss * unit


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--tool', choices=['features', 'skeletons'], default='features'
    )
    parser.add_argument(
        '--backend',
        choices=['mmpose', 'mediapipe'],
        default='mmpose',
        help='of skeletons (default: %(default)s)',
    )
    parser.add_argument('--model', default='test_vit', help='of features')
    parser.add_argument('--image-size', type=int, default=32)
    parser.add_argument(
        '--source',
        type=Path,
        help='a video to repeat, in place of a moving ramp',
    )
    parser.add_argument('--fps', type=int, default=30, help='of the video')
    parser.add_argument('--minutes', type=float, nargs='+', default=[1, 5, 30])
    parser.add_argument('--width', type=int, default=320)
    parser.add_argument('--height', type=int, default=240)
    parser.add_argument('--batch-size', type=int, default=32)
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    table = Table(
        *('minutes', 'frames', 'all frames, MiB', 'peak, MiB', 'seconds'),
        title=f'extract_{args.tool}.py, {args.width}x{args.height}',
    )
    with tempfile.TemporaryDirectory() as name:
        for minutes in args.minutes:
            frames = round(minutes * 60 * args.fps)
            video = Path(name, f'{minutes:g}.mp4')
            make_video(video, frames, args)
            seconds, peak = measure(
                args.tool, video, Path(name), tool_options(args)
            )
            video.unlink()
            size = frames * args.width * args.height * 3
            table.add_row(
                f'{minutes:g}',
                str(frames),
                f'{size / MEBIBYTE:.0f}',
                f'{peak / MEBIBYTE:.0f}',
                f'{seconds:.1f}',
            )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


if __name__ == '__main__':
    main()
