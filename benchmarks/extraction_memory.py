"""Peak memory of the extraction tools against the length of the video.

Videos are made on the spot, and every one is worked on in a process of its
own. Beside its peak stands what the video's frames alone would take if they
were all held at once. Features come from a tiny random model, and poses from
a small random one of mmpose: memory is what matters.

Example:
    python benchmarks/extraction_memory.py --minutes 1 5 30
    python benchmarks/extraction_memory.py --tool skeletons --minutes 1 5
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from rich.console import Console
from rich.table import Table

TOOLS = Path(__file__).resolve().parents[1] / 'tools'
POSE_MODEL = (
    'mmpose::body_2d_keypoint/rtmpose/body8/'
    'rtmpose-t_8xb256-420e_body8-256x192.py'
)
FRAMES_PER_SECOND = 30
MEBIBYTE = 2**20


def make_video(path: Path, frames: int, width: int, height: int) -> None:
    """Write a video of a moving ramp."""
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    image = np.broadcast_to(ramp[None, :, None], (height, width, 3))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=FRAMES_PER_SECOND)
        stream.width, stream.height = width, height
        stream.pix_fmt = 'yuv420p'
        for i in range(frames):
            moved = np.roll(image, i % width, axis=1)
            frame = av.VideoFrame.from_ndarray(moved, format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def measure(
    tool: str, video: Path, folder: Path, batch_size: int
) -> tuple[float, int]:
    """Extract in a process of its own.

    Args:
        tool (str): ``features`` or ``skeletons``.
        video (Path): The video.
        folder (Path): For the output.
        batch_size (int): Frames that the model of features sees at once.

    Returns:
        tuple[float, int]: Seconds, and bytes resident at the peak.
    """
    options = dict(
        features=(
            *('--model', 'test_vit', '--image-size', '32'),
            *('--batch-size', str(batch_size), '--workers', '2'),
        ),
        skeletons=(
            *('--backend', 'mmpose', '--detector', 'none'),
            *('--target', 'body3d', '--pose-model', POSE_MODEL),
        ),
    )
    command = [
        *(sys.executable, '-W', 'ignore', str(TOOLS / f'extract_{tool}.py')),
        *(str(video), '--output', str(folder / video.stem)),
        *('--ann-file', str(folder / f'{video.stem}.pkl')),
        *('--random-weights', '0', '--device', 'cpu', *options[tool]),
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
            frames = round(minutes * 60 * FRAMES_PER_SECOND)
            video = Path(name, f'{minutes:g}.mp4')
            make_video(video, frames, args.width, args.height)
            seconds, peak = measure(
                args.tool, video, Path(name), args.batch_size
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
