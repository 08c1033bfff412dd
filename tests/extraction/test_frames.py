import os
import re
import warnings

import cv2
import numpy as np
import pytest

from masa.extraction.errors import SequenceError
from masa.extraction.frames import FrameReader

av = pytest.importorskip('av', reason='needs the extra "features"')
from video_files import (  # noqa: E402
    cut_short,
    make_frames,
    make_noise,
    unusable_videos,
    write_video,
)

# The index in front, as in videos for the web.
FRONT = dict(movflags='faststart')


def write_image(path, value):
    image = np.full((4, 6, 3), value, dtype=np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def levels(path):
    return [int(frame[-1, -1].mean()) for frame in FrameReader(path)]


def test_video_frames_in_order(tmp_path):
    frames = make_frames(20)
    reader = FrameReader(write_video(tmp_path / 'a.mp4', frames))
    assert reader.num_frames == 20
    assert reader.frame_rate == 30
    # Twice: a reader starts anew.
    for _ in range(2):
        read = list(reader)
        assert len(read) == 20
        for one, wanted in zip(read, frames, strict=True):
            assert one.dtype == np.uint8
            assert one.shape == wanted.shape
            assert one.flags.c_contiguous
            np.testing.assert_allclose(one[20:, 20:], wanted[20:, 20:], atol=6)


def test_colours_are_rgb(tmp_path):
    frames = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    frames[..., 0] = 255
    path = write_video(tmp_path / 'red.mp4', frames)
    image = tmp_path / 'images' / '1.png'
    image.parent.mkdir()
    image.write_bytes(cv2.imencode('.png', frames[0, ..., ::-1])[1].tobytes())
    for one in (path, image.parent):
        red, green, blue = next(iter(FrameReader(one))).mean(axis=(0, 1))
        assert red > 240
        assert max(green, blue) < 15


@pytest.mark.parametrize(
    ('degrees', 'corner'),
    [
        # Counter-clockwise, where the white corner comes to lie: row, column.
        (0, (0, 0)),
        (90, (-1, 0)),
        (180, (-1, -1)),
        (-90, (0, -1)),
    ],
)
def test_rotation(tmp_path, degrees, corner):
    path = tmp_path / 'turned.mp4'
    frames = make_frames(3)
    write_video(path, frames, 'mpeg4', degrees)
    frame = next(iter(FrameReader(path)))
    assert frame.shape[:2] == ((48, 64) if degrees % 180 == 0 else (64, 48))
    corners = {(r, c): frame[r, c].mean() for r in (0, -1) for c in (0, -1)}
    assert max(corners, key=corners.get) == corner


@pytest.mark.parametrize('share', [0.6, 0.95])
@pytest.mark.parametrize('codec', ['mpeg4', 'libx264'])
def test_truncated_video_with_its_index_in_front(tmp_path, codec, share):
    path = tmp_path / 'cut.mp4'
    write_video(path, make_frames(60), codec, options=FRONT)
    assert FrameReader(path).num_frames == 60
    cut_short(path, share)
    with pytest.raises(SequenceError, match=r'cut\.mp4'):
        FrameReader(path)


def test_truncated_video_with_its_index_behind(tmp_path):
    path = write_video(tmp_path / 'cut.mp4', make_frames(60))
    with pytest.raises(SequenceError, match=r'cut\.mp4'):
        FrameReader(cut_short(path, 0.6))


def test_truncated_stream_whose_container_notices(tmp_path):
    path = write_video(tmp_path / 'cut.avi', make_noise(60))
    reader = FrameReader(cut_short(path, 0.6))
    with pytest.raises(SequenceError, match=r'cut\.avi .*\d+'):
        list(reader)


def test_truncated_video_without_index_is_warned_of(tmp_path):
    path = write_video(tmp_path / 'cut.mkv', make_noise(120))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert len(list(FrameReader(path))) == 120
    reader = FrameReader(cut_short(path, 0.5))
    with pytest.warns(UserWarning, match=r'cut\.mkv'):
        assert 0 < len(list(reader)) < 120


def test_damaged_data_is_not_passed_on(tmp_path):
    path = write_video(tmp_path / 'bad.mp4', make_noise(60))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    for i in range(middle, middle + 2000, 50):
        data[i] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SequenceError, match=r'bad\.mp4'):
        list(FrameReader(path))


@pytest.mark.parametrize('name', ['räkeln 跳.mp4', 'a b.mp4', 'a:b.mp4'])
def test_names(tmp_path, monkeypatch, name):
    write_video(tmp_path / name, make_frames(3))
    monkeypatch.chdir(tmp_path)
    assert len(list(FrameReader(name))) == 3
    folder = tmp_path / 'räkeln 跳'
    folder.mkdir()
    write_image(folder / 'ü.png', 7)
    assert levels(folder) == [7]


def test_metadata_that_is_not_utf_8(tmp_path):
    path = tmp_path / 'old.avi'
    with av.open(str(path), 'w') as container:
        container.metadata['title'] = 'XXXX'
        stream = container.add_stream('mpeg4', rate=30)
        stream.width, stream.height = 64, 48
        for frame in make_frames(3):
            image = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert data.count(b'XXXX') == 1
    path.write_bytes(data.replace(b'XXXX', 'räkX'.encode('latin-1')))
    assert len(list(FrameReader(path))) == 3


def test_natural_order_of_images(tmp_path):
    values = {
        '2.png': 2,
        '10.png': 10,
        '1.PNG': 1,
        '100.png': 100,
        'a2.png': 120,
        'a10.png': 130,
        '²a.png': 140,
    }
    for name, value in values.items():
        write_image(tmp_path / name, value)
    # None of these is a frame.
    (tmp_path / '._2.png').write_bytes(b'x')
    (tmp_path / 'notes.txt').touch()
    (tmp_path / '3.png').mkdir()
    assert levels(tmp_path) == [1, 2, 10, 100, 120, 130, 140]
    assert FrameReader(tmp_path).num_frames == 7
    assert FrameReader(tmp_path).frame_rate is None


def test_equal_numbers_have_an_order(tmp_path):
    for name, value in (('1.png', 3), ('001.png', 1), ('01.png', 2)):
        write_image(tmp_path / name, value)
    assert levels(tmp_path) == [1, 2, 3]


def test_exif_orientation(tmp_path):
    image = pytest.importorskip('PIL.Image')
    picture = image.new('RGB', (6, 4))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / '1.jpg', exif=exif)
    assert next(iter(FrameReader(tmp_path))).shape == (6, 4, 3)


def test_empty_folder(tmp_path):
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(SequenceError, match=re.escape(str(tmp_path))):
        FrameReader(tmp_path)


def test_what_is_no_video(tmp_path):
    with pytest.raises(SequenceError, match=r'none\.mp4'):
        FrameReader(tmp_path / 'none.mp4')
    text = tmp_path / 'text.mp4'
    text.write_text('no video at all')
    with pytest.raises(SequenceError, match=r'text\.mp4'):
        FrameReader(text)
    sound = tmp_path / 'sound.wav'
    with av.open(str(sound), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), dtype=np.int16), format='s16', layout='mono'
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SequenceError, match=r'sound\.wav'):
        FrameReader(sound)


def test_unusable_videos(tmp_path):
    for name, reason in unusable_videos(tmp_path).items():
        with pytest.raises(SequenceError, match=f'{name} {reason}'):
            list(FrameReader(tmp_path / name))


def test_broken_image(tmp_path):
    write_image(tmp_path / '1.png', 5)
    (tmp_path / '2.png').touch()
    (tmp_path / '3.png').write_bytes(b'no image')
    reader = FrameReader(tmp_path)
    frames = iter(reader)
    next(frames)
    with pytest.raises(SequenceError, match=r'2\.png'):
        next(frames)
    (tmp_path / '2.png').unlink()
    with pytest.raises(SequenceError, match=r'2\.png'):
        list(reader)


def test_closed_when_left_early(tmp_path):
    path = write_video(tmp_path / 'a.mp4', make_frames(30))
    frames = iter(FrameReader(path))
    next(frames)
    frames.close()
    descriptors = '/proc/self/fd'
    if os.path.isdir(descriptors):
        opened = [
            os.path.realpath(os.path.join(descriptors, one))
            for one in os.listdir(descriptors)
        ]
        assert str(path.resolve()) not in opened
