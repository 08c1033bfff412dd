"""Test how unusual and broken videos are read, extracted and aligned.

Makes variants of one video with FFmpeg: orientations, pixel aspect ratios,
frame rates, codecs and containers, folders of images, odd names, and files
that are broken or ask for too much. Then

1. reads every one, and compares frames and time stamps with FFmpeg's own;
2. extracts skeletons (with ``--train``), trains a model on them for a moment,
   and aligns every variant with the original, with which it must agree in
   time.

Every file has to be right, or refused with one line that names it. Exits with
1 if one is wrong.
"""

import argparse
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from masa.extraction.errors import ExtractionError
from masa.extraction.frames import FrameReader
from masa.extraction.sequences import MediaSequence, find_sequences

SECONDS = 2
SIZE = 256, 144
H264 = ('-c:v', 'libx264', '-qp', '12', '-pix_fmt', 'yuv420p')
# Options of FFmpeg by file. Whatever the file is, it shows the original.
ENCODED = {
    'matroska.mkv': H264,
    'quicktime.mov': H264,
    'flash.flv': H264,
    'transport.ts': H264,
    'blu-ray.m2ts': H264,
    'h264 b-frames.mp4': (*H264, '-bf', '3'),
    'h264 open gop.mp4': (*H264, '-flags', '-cgop', '-g', '12'),
    'h264 ten bits.mp4': (*H264[:4], '-pix_fmt', 'yuv420p10le'),
    'h264 444.mp4': (*H264[:4], '-pix_fmt', 'yuv444p'),
    'h264 interlaced.mp4': (*H264, '-flags', '+ilme+ildct'),
    'h264 index in front.mp4': (*H264, '-movflags', 'faststart'),
    'h264 fragments.mp4': (*H264, '-movflags', 'frag_keyframe+empty_moov'),
    'hevc.mp4': ('-c:v', 'libx265', '-x265-params', 'log-level=none'),
    'av1.mp4': ('-c:v', 'libaom-av1', '-cpu-used', '8', '-crf', '20'),
    'vp8.webm': ('-c:v', 'libvpx', '-b:v', '4M'),
    'vp9.webm': ('-c:v', 'libvpx-vp9', '-b:v', '4M', '-cpu-used', '8'),
    'theora.ogv': ('-c:v', 'libtheora', '-q:v', '9'),
    'mpeg4.avi': ('-c:v', 'mpeg4', '-q:v', '2'),
    'phone.3gp': ('-c:v', 'mpeg4', '-q:v', '2'),
    'mpeg1.mpg': ('-c:v', 'mpeg1video', '-q:v', '2'),
    'mpeg2.mpeg': ('-c:v', 'mpeg2video', '-q:v', '2'),
    'wmv2.wmv': ('-c:v', 'wmv2', '-q:v', '2'),
    'mjpeg.avi': ('-c:v', 'mjpeg', '-q:v', '2', '-pix_fmt', 'yuvj420p'),
    'prores.mov': ('-c:v', 'prores_ks'),
    'ffv1.mkv': ('-c:v', 'ffv1'),
    'raw.avi': ('-c:v', 'rawvideo', '-pix_fmt', 'yuv420p'),
    'colors.gif': ('-vf', 'fps=25'),
    # The option -r would move what is shown by 0.1 s.
    'rate 12.mp4': (*H264, '-vf', 'fps=12'),
    'rate 29.97.mp4': (*H264, '-vf', 'fps=30000/1001'),
    'rate 60.mp4': (*H264, '-vf', 'fps=60'),
    'rate 240.mp4': (*H264, '-vf', 'fps=240'),
    'rate variable.mp4': (
        *(*H264, '-vf', "select='not(mod(n,3))+lt(n,20)'"),
        *('-fps_mode', 'passthrough'),
    ),
    'aspect 2.mp4': (*H264, '-vf', 'scale=128:144,setsar=2'),
    'aspect half.mp4': (*H264, '-vf', 'scale=256:72,setsar=1/2'),
    'aspect 64-51.mkv': (*H264, '-vf', 'scale=204:144,setsar=64/51'),
    'with sound.mp4': (
        *('-f', 'lavfi', '-i', f'sine=d={SECONDS}'),
        *(*H264, '-c:a', 'aac', '-shortest'),
    ),
    'räkeln 跳 a:b.mp4': H264,
    '-dash.mp4': H264,
}
# What undoes the turn that a display matrix asks for.
UNTURN = {
    (0, ''): '',
    (90, ''): 'transpose=clock',
    (180, ''): 'hflip,vflip',
    (270, ''): 'transpose=cclock',
    (0, 'hflip'): 'hflip',
    (90, 'hflip'): 'hflip,transpose=clock',
    (180, 'hflip'): 'vflip',
    (270, 'hflip'): 'hflip,transpose=cclock',
}


def ffmpeg(*options: str | Path) -> subprocess.CompletedProcess:
    """Run FFmpeg."""
    return subprocess.run(
        [get_ffmpeg_exe(), '-y', '-hide_banner', *map(str, options)],
        capture_output=True,
        check=True,
    )


def make_good(source: Path, folder: Path) -> None:
    """Write variants of the source that have to be read."""
    original = folder / 'original.mp4'
    width, height = SIZE
    fit = f'scale={width}:{height},setsar=1,fps=30'
    ffmpeg('-i', source, '-t', SECONDS, '-an', '-vf', fit, *H264, original)
    for name, options in ENCODED.items():
        # Not to be taken for an option.
        ffmpeg('-i', original, *options, (folder / name).absolute())
    for (degrees, mirror), filters in UNTURN.items():
        stored = folder / 'stored.mp4'
        turn = ('-vf', filters) if filters else ()
        ffmpeg('-i', original, *turn, *H264, stored)
        matrix = ('-display_rotation', degrees)
        if mirror:
            matrix = (*matrix, '-display_hflip')
        name = f'turned {degrees} {mirror}'.strip()
        ffmpeg(*matrix, '-i', stored, '-c', 'copy', folder / f'{name}.mp4')
        stored.unlink()
    for suffix in ('.jpg', '.png', '.webp', '.bmp'):
        images = folder / f'images {suffix[1:]}'
        images.mkdir()
        # The default for this suffix is one animated image.
        codec = ('-c:v', 'libwebp') if suffix == '.webp' else ()
        options = ('-q:v', '90' if codec else '1', *codec)
        ffmpeg('-i', original, *options, images / f'%d{suffix}')
    images = folder / 'images exif'
    images.mkdir()
    for path in (folder / 'images png').iterdir():
        exif = Image.Exif()
        exif[0x0112] = 6
        with Image.open(path) as image:
            turned = image.transpose(Image.Transpose.ROTATE_90)
            turned.save(images / f'{path.stem}.jpg', exif=exif, quality=97)


def make_bad(folder: Path) -> None:
    """Write files that have to be refused."""
    original = folder / 'original.mp4'
    data = original.read_bytes()
    front = (folder / 'h264 index in front.mp4').read_bytes()
    raw = (folder / 'raw.avi').read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, 50_000, np.uint8)
    for name, content in {
        'bad empty.mp4': b'',
        'bad text.mp4': b'not a video',
        'bad noise.mp4': noise.tobytes(),
        'bad cut behind.mp4': data[: len(data) // 2],
        'bad cut in front.mp4': front[: len(front) // 2],
        'bad header only.avi': raw[:4096],
    }.items():
        (folder / name).write_bytes(content)
    damaged = bytearray(front)
    middle = len(damaged) * 2 // 3
    damaged[middle : middle + 4000] = noise[:4000].tobytes()
    (folder / 'bad damaged.mp4').write_bytes(damaged)
    sound = ('-f', 'lavfi', '-i', 'sine=d=1')
    ffmpeg(*sound, '-c:a', 'aac', folder / 'bad sound only.mp4')
    cover = folder / 'images png' / '1.png'
    ffmpeg(
        *(*sound, '-i', cover, '-map', '0', '-map', '1', '-c:v', 'png'),
        *('-f', 'mp4', '-disposition:v:0', 'attached_pic'),
        folder / 'bad cover.mp4',
    )
    long = 'color=black:s=64x64:r=1/3600:d=36000'
    ffmpeg('-f', 'lavfi', '-i', long, *H264, folder / 'bad ten hours.mp4')
    bombs = {'png': 30_000, 'bmp': 12_000}
    for suffix, side in bombs.items():
        images = folder / f'bad bomb {suffix}'
        images.mkdir()
        Image.new('1' if suffix == 'png' else 'L', (side, side)).save(
            images / f'1.{suffix}'
        )
    large = 'color=black:s=16000x16000:r=10'
    ffmpeg(
        *('-f', 'lavfi', '-i', large, '-frames:v', '1', '-c:v', 'png'),
        folder / 'bad bomb.mkv',
    )
    for name, content in {
        'bad images empty': b'',
        'bad images text': b'not an image',
        'bad images cut': cover.read_bytes()[:9000],
    }.items():
        (folder / name).mkdir()
        (folder / name / '1.png').write_bytes(content)


def decoded(
    path: Path,
) -> tuple[Iterator[np.ndarray], np.ndarray | None]:
    """Frames and time stamps as FFmpeg gives them."""
    first = path
    source = ('-i', path.absolute())
    if path.is_dir():
        first = next(path.iterdir())
        source = ('-start_number', 1, '-i', path / f'%d{first.suffix}')
    square = (
        "scale='if(gt(sar,1),iw*sar,iw)':'if(lt(sar,1),ih/sar,ih)',"
        'setsar=1,showinfo'
    )
    done = ffmpeg(
        *(*source, '-vf', square, '-fps_mode', 'passthrough'),
        *('-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'),
    )
    log = done.stderr.decode('utf-8', 'replace')
    times = [float(text) for text in re.findall(r'pts_time:([\d.]+)', log)]
    size = re.findall(r' s:(\d+)x(\d+) ', log)[0]
    width, height = map(int, size)
    frames = np.frombuffer(done.stdout, np.uint8)
    frames = frames.reshape(-1, height, width, 3)
    return iter(frames), None if path.is_dir() else np.array(times)


def judge_frames(sequence: MediaSequence, original: np.ndarray) -> str:
    """Say what becomes of a file: right, refused or wrong, and why."""
    name = sequence.path.name
    frames = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            reader = FrameReader(sequence.path)
            frames.extend(reader)
    except ExtractionError as error:
        one_line = '\n' not in str(error) and name in str(error)
        if name.startswith('bad') and one_line:
            return f'refused: {error}'
        return f'WRONG: {error}'
    if name.startswith('bad'):
        return f'WRONG: {len(frames)} frames were read'
    expected, times = decoded(sequence.path)
    for t, (frame, right) in enumerate(zip_longest(frames, expected)):
        if frame is None or right is None or frame.shape != right.shape:
            return f'WRONG: frame {t} of {len(frames)} has another shape'
        difference = np.abs(frame.astype(int) - right).mean()
        if difference > 3:
            return f'WRONG: frame {t} differs by {difference:.1f} levels'
    # What a player shows first is what the original shows first.
    # Small, as a GIF shows many colors by mixing dots.
    small, right = (
        np.asarray(Image.fromarray(one).resize((32, 18), Image.BOX))
        for one in (frames[0], original)
    )
    difference = np.abs(small.astype(int) - right).mean()
    if difference > 6:
        return f'WRONG: it shows something else, by {difference:.1f} levels'
    found = reader.timestamps
    if times is not None:
        apart = np.abs((found - found[0]) - (times - times[0])).max()
        if apart > 2e-3:
            return f'WRONG: the time stamps differ by {apart:.3f} s'
    return f'right: {len(frames)} frames'


def judge_alignment(folder: Path, work: Path) -> list[str]:
    """Extract, train and align; say what became of every file."""
    poses, annotations = work / 'poses', work / 'odd.pkl'
    tools = Path(__file__).parents[1]
    commands = [
        [
            *('tools/extract_skeletons.py', folder, '--backend', 'mediapipe'),
            *('--target', 'body3d', '--skip-broken', '--overwrite'),
            *('--output', poses, '--ann-file', annotations),
        ],
        [
            *('tools/train.py', 'configs/masa_videos.py', '--no-validate'),
            *('--work-dir', work / 'model', '--cfg-options'),
            'train_cfg.max_epochs=2',
            'train_dataloader.num_workers=0',
            'train_dataloader.persistent_workers=False',
            'default_hooks.checkpoint.interval=1',
            f'train_dataloader.dataset.ann_file={annotations}',
        ],
    ]
    for command, accepted in zip(commands, ((0, 1), (0,)), strict=True):
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=tools,
            capture_output=True,
            text=True,
        )
        if done.returncode not in accepted:
            raise SystemExit(f'{command[0]} failed:\n{done.stderr}')
    from masa.apis import AlignmentInferencer

    inferencer = AlignmentInferencer(work / 'model', device='cpu')
    sequences = {
        one.name: one for one in inferencer.embed(annotations, batch_size=1)
    }
    original = sequences['original']
    lines = []
    for sequence in find_sequences([folder]):
        one = sequences.get(sequence.name)
        if one is None:
            verdict = 'refused'
            if not sequence.name.startswith('bad'):
                verdict = 'WRONG: left out'
            lines.append(f'{sequence.name}: {verdict}')
            continue
        path = inferencer.align(original, one).path
        times = one.timestamps
        if times is None:
            times = original.timestamps
        ours = original.timestamps[path[:, 0]]
        apart = np.abs(ours - (times - times[0])[path[:, 1]])
        # At the rate of 12 a second, frames are 0.08 s apart.
        late = float(np.median(apart))
        word = 'right' if late < 0.1 else 'WRONG'
        lines.append(f'{sequence.name}: {word}: {late:.3f} s apart (median)')
    return lines


def main() -> int:
    """Make the files and judge them."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('video', type=Path, help='two seconds of a person')
    parser.add_argument('folder', type=Path, help='new folder for the files')
    parser.add_argument(
        '--train', action='store_true', help='extract, train and align, too'
    )
    args = parser.parse_args()
    files = args.folder / 'files'
    files.mkdir(parents=True)
    make_good(args.video, files)
    make_bad(files)
    original = next(iter(FrameReader(files / 'original.mp4')))
    lines = [
        f'{one.name}: {judge_frames(one, original)}'
        for one in find_sequences([files])
    ]
    if args.train:
        lines += judge_alignment(files, args.folder)
    print(*lines, sep='\n')
    counts = Counter(
        word
        for line in lines
        for word in ('right', 'refused', 'WRONG')
        if f': {word}' in line
    )
    print(f'{len(lines)} judgements: {dict(counts)}')
    return int(counts['WRONG'] > 0)


if __name__ == '__main__':
    sys.exit(main())
