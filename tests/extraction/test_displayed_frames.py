"""Frames as a player shows them, compared with FFmpeg's own output."""

import subprocess
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from masa.extraction.errors import SequenceError
from masa.extraction.frames import FrameReader
from masa.extraction.limits import MediaLimits

pytest.importorskip('av', reason='needs the extra "features"')
ffmpeg_package = pytest.importorskip('imageio_ffmpeg')

# Rotation in degrees and mirroring: all that a display matrix, or the tag
# Orientation of EXIF, can ask for.
ORIENTATIONS = [
    (degrees, mirror)
    for degrees in (0, 90, 180, 270)
    for mirror in ((), ('-display_hflip',))
]
# Nothing about it is symmetric, and no edge is sharp.
PICTURE = (
    'nullsrc=s=64x48:r=10:d=0.3,format=rgb24,'
    'geq=r=3*X:g=4*Y:b=128+60*sin((X+2*Y)/20)'
)


def ffmpeg(*options):
    done = subprocess.run(
        [
            *(ffmpeg_package.get_ffmpeg_exe(), '-y', '-loglevel', 'error'),
            *map(str, options),
        ],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def displayed(path, shape, *filters):
    """The first frame as FFmpeg decodes and turns it."""
    options = ('-vf', ','.join(filters)) if filters else ()
    raw = ffmpeg(
        *('-i', path, *options, '-frames:v', 1),
        *('-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'),
    )
    return np.frombuffer(raw, np.uint8).reshape(shape)


def assert_alike(frame, expected):
    assert frame.shape == expected.shape
    difference = np.abs(frame.astype(int) - expected)
    # Converters from YUV differ by a few levels.
    assert difference.mean() < 2
    assert difference.max() < 24


@pytest.fixture(scope='module')
def upright(tmp_path_factory):
    path = tmp_path_factory.mktemp('videos') / 'upright.mp4'
    codec = '-c:v', 'libx264', '-qp', 5, '-pix_fmt', 'yuv420p'
    ffmpeg('-f', 'lavfi', '-i', PICTURE, *codec, path)
    return path


@pytest.mark.parametrize(('degrees', 'mirror'), ORIENTATIONS)
def test_display_matrix(upright, tmp_path, degrees, mirror):
    path = tmp_path / 'turned.mp4'
    turn = '-display_rotation', degrees, *mirror
    ffmpeg(*turn, '-i', upright, '-c', 'copy', path)
    frame = next(iter(FrameReader(path)))
    shape = (48, 64, 3) if degrees % 180 == 0 else (64, 48, 3)
    assert_alike(frame, displayed(path, shape))


def test_the_orientations_differ(upright, tmp_path):
    frames = []
    for degrees, mirror in ORIENTATIONS:
        path = tmp_path / f'{degrees}{len(mirror)}.mp4'
        turn = '-display_rotation', degrees, *mirror
        ffmpeg(*turn, '-i', upright, '-c', 'copy', path)
        frames.append(next(iter(FrameReader(path))))
    for i, one in enumerate(frames):
        for other in frames[:i]:
            assert (
                one.shape != other.shape
                or np.abs(one.astype(int) - other).mean() > 20
            )


@pytest.mark.parametrize(
    ('aspect', 'scale', 'shape'),
    [
        ('2', 'iw*sar:ih', (48, 128)),
        ('64/51', 'iw*sar:ih', (48, 80)),
        ('1/2', 'iw:ih/sar', (96, 64)),
    ],
)
def test_pixels_that_are_not_square(tmp_path, aspect, scale, shape):
    path = tmp_path / 'stretched.mp4'
    ffmpeg(
        *('-f', 'lavfi', '-i', PICTURE, '-vf', f'setsar={aspect}'),
        *('-c:v', 'libx264', '-qp', 5, '-pix_fmt', 'yuv420p', path),
    )
    frame = next(iter(FrameReader(path)))
    expected = displayed(path, (*shape, 3), f'scale={scale}', 'setsar=1')
    assert_alike(frame, expected)


def test_stretched_before_it_is_turned(tmp_path):
    wide, path = tmp_path / 'wide.mp4', tmp_path / 'high.mp4'
    ffmpeg(
        *('-f', 'lavfi', '-i', PICTURE, '-vf', 'setsar=2'),
        *('-c:v', 'libx264', '-pix_fmt', 'yuv420p', wide),
    )
    ffmpeg('-display_rotation', 90, '-i', wide, '-c', 'copy', path)
    assert next(iter(FrameReader(path))).shape == (128, 48, 3)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp'])
def test_exif_orientation(tmp_path, suffix, orientation):
    y, x = np.mgrid[:48, :64]
    stored = np.stack([3 * x, 4 * y, 2 * (x + y) // 2], -1).astype(np.uint8)
    picture = Image.fromarray(stored)
    exif = picture.getexif()
    exif[0x0112] = orientation
    options = dict(lossless=True) if suffix == '.webp' else dict(quality=98)
    picture.save(tmp_path / f'1{suffix}', exif=exif, **options)
    # By the definition of the tag: where the first row and column belong.
    expected = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: stored.swapaxes(0, 1)[:, ::-1],
        7: stored.swapaxes(0, 1)[::-1, ::-1],
        8: stored.swapaxes(0, 1)[::-1],
    }[orientation]
    (frame,) = FrameReader(tmp_path)
    assert_alike(frame, expected)
    if suffix == '.jpg':
        path = tmp_path / '1.jpg'
        assert_alike(frame, displayed(path, expected.shape))


def test_sixteen_bits_of_gray(tmp_path):
    values = np.linspace(0, 65535, 12).astype(np.uint16).reshape(3, 4)
    Image.fromarray(values).save(tmp_path / '1.png')
    (frame,) = FrameReader(tmp_path)
    np.testing.assert_array_equal(
        frame, np.repeat((values >> 8)[..., None], 3, axis=2)
    )


class TestTimestamps:
    def test_constant_rate(self, tmp_path):
        for rate in (15, 240, Fraction(30000, 1001)):
            path = tmp_path / 'a.mp4'
            source = f'color=black:s=64x48:r={rate}'
            ffmpeg('-f', 'lavfi', '-i', source, '-frames:v', 9, path)
            reader = FrameReader(path)
            assert len(list(reader)) == 9
            np.testing.assert_allclose(
                reader.timestamps, np.arange(9) / float(rate), atol=1e-4
            )
            assert reader.frame_rate == pytest.approx(float(rate))

    @pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.gif'])
    def test_variable_rate(self, tmp_path, name):
        path = tmp_path / name
        ffmpeg(
            *('-f', 'lavfi', '-i', 'testsrc=s=64x48:r=10:d=0.6'),
            *('-vf', 'settb=1/1000,setpts=N*N*20', '-fps_mode', 'passthrough'),
            *('-enc_time_base', '1/1000', path),
        )
        reader = FrameReader(path)
        assert len(list(reader)) == 6
        expected = 0.02 * np.arange(6) ** 2
        np.testing.assert_allclose(reader.timestamps, expected, atol=1e-3)

    def test_counted_from_where_the_file_begins(self, tmp_path):
        # MPEG transport streams begin at a second or so.
        path = tmp_path / 'a.ts'
        ffmpeg('-f', 'lavfi', '-i', PICTURE, path)
        reader = FrameReader(path)
        list(reader)
        np.testing.assert_allclose(reader.timestamps, [0, 0.1, 0.2], atol=1e-3)

    def test_a_bare_stream_has_those_of_its_rate(self, tmp_path):
        path = tmp_path / 'a.h264'
        ffmpeg('-f', 'lavfi', '-i', PICTURE, '-c:v', 'libx264', path)
        reader = FrameReader(path)
        list(reader)
        np.testing.assert_allclose(
            reader.timestamps, np.arange(3) / reader.frame_rate
        )

    def test_images_have_none(self, tmp_path):
        Image.new('RGB', (6, 4)).save(tmp_path / '1.png')
        reader = FrameReader(tmp_path)
        list(reader)
        assert reader.timestamps is None


class TestLimits:
    LIMITS = MediaLimits(max_pixels=1000, max_seconds=2)

    @pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp', '.bmp'])
    def test_image(self, tmp_path, suffix):
        path = tmp_path / f'1{suffix}'
        Image.new('RGB', (40, 26)).save(path)
        with pytest.raises(SequenceError, match='40 x 26') as caught:
            list(FrameReader(tmp_path, self.LIMITS))
        assert path.name in str(caught.value)
        assert len(list(FrameReader(tmp_path))) == 1

    @pytest.mark.parametrize('codec', ['libx264', 'png', 'mjpeg', 'gif'])
    def test_video(self, tmp_path, codec):
        path = tmp_path / ('a.gif' if codec == 'gif' else 'a.mkv')
        source = 'color=black:s=64x48:r=10:d=0.3'
        ffmpeg('-f', 'lavfi', '-i', source, '-c:v', codec, path)
        with pytest.raises(SequenceError, match='--max-pixels'):
            list(FrameReader(path, self.LIMITS))
        assert len(list(FrameReader(path))) == 3

    def test_what_stretching_makes_of_a_video(self, tmp_path):
        path = tmp_path / 'a.mp4'
        source = 'color=black:s=32x24:r=10:d=0.3,setsar=8'
        ffmpeg('-f', 'lavfi', '-i', source, path)
        with pytest.raises(SequenceError, match='--max-pixels'):
            list(FrameReader(path, MediaLimits(max_pixels=2000)))

    def test_duration(self, tmp_path):
        path = tmp_path / 'a.mp4'
        ffmpeg('-f', 'lavfi', '-i', 'color=black:s=16x16:r=1:d=3', path)
        with pytest.raises(SequenceError, match='--max-seconds'):
            FrameReader(path, self.LIMITS)

    def test_duration_that_the_header_hides(self, tmp_path):
        path = tmp_path / 'a.h264'
        ffmpeg('-f', 'lavfi', '-i', 'color=black:s=16x16:r=5:d=3', path)
        frames = iter(FrameReader(path, MediaLimits(max_seconds=0.01)))
        with pytest.raises(SequenceError, match='--max-seconds'):
            list(frames)

    def test_the_cover_of_a_song_is_no_video(self, tmp_path):
        Image.new('RGB', (64, 48)).save(tmp_path / 'cover.png')
        path = tmp_path / 'song.m4a'
        ffmpeg(
            *('-f', 'lavfi', '-i', 'sine=d=1', '-i', tmp_path / 'cover.png'),
            *('-map', 0, '-map', 1, '-c:v', 'png'),
            *('-disposition:v:0', 'attached_pic', path),
        )
        with pytest.raises(SequenceError, match=path.name):
            FrameReader(path)
