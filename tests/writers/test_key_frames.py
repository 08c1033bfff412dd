import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from video_files import write_video

from masa.alignment import Occurrence, Timeline
from masa.embeddings import EmbeddedSequence
from masa.writers.key_frames import (
    pictures_of_occurrences,
    pictures_of_timeline,
    write_pictures,
)


@pytest.fixture
def sequences(tmp_path):
    """Videos whose gray tells the frame; the second has no times."""
    made = []
    for name, number in (('val/a', 9), ('b: 字', 20)):
        frames = np.empty((number, 48, 64, 3), np.uint8)
        frames[:] = 10 * np.arange(1, number + 1)[:, None, None, None]
        video = write_video(tmp_path / f'{number}.mp4', frames)
        times = np.arange(number) / 30 if number == 9 else None
        made.append(
            EmbeddedSequence(name, np.zeros((number, 2)), times, video=video)
        )
    return made


def frame_of(image):
    return round(float(np.asarray(image).mean()) / 10) - 1


def read(path):
    """The frame that each file shows, by its name."""
    if path.suffix != '.zip':
        return {
            file.relative_to(path).as_posix(): frame_of(Image.open(file))
            for file in path.rglob('*.png')
        }
    with zipfile.ZipFile(path) as archive:
        return {
            name: frame_of(Image.open(io.BytesIO(archive.read(name))))
            for name in archive.namelist()
        }


@pytest.mark.parametrize('name', ['frames', 'frames.zip'])
def test_moments(sequences, tmp_path, name, capsys):
    # In any order, as by the method nearest, and without a counterpart.
    rows = np.array([np.arange(9), [19, 1, 2, 3, -1, 5, 6, 7, 0]])
    timeline = Timeline(0, rows, np.zeros(2))
    path = tmp_path / name
    pictures = pictures_of_timeline(sequences, timeline, 3, 64)
    write_pictures(path, pictures, '3 moments')
    assert f'{path}: 5 pictures' in capsys.readouterr().out
    assert read(path) == {
        'val/a/01_0.000s_frame000000.png': 0,
        'val/a/02_0.133s_frame000004.png': 4,
        'val/a/03_0.267s_frame000008.png': 8,
        'b%3A 字/01_frame000019.png': 19,
        'b%3A 字/03_frame000000.png': 0,
    }


def test_occurrences(sequences, tmp_path):
    # The second begins before the first one ends, the third is of one frame.
    found = [
        Occurrence(start, end, 1.0, 0.0, 0)
        for start, end in ((0, 6), (4, 9), (8, 9))
    ]
    for name in ('one.zip', 'two.zip'):
        pictures = pictures_of_occurrences(sequences[0], found)
        write_pictures(tmp_path / name, pictures, '3 occurrences')
    assert read(tmp_path / 'one.zip') == {
        f'0{number}_{part}_{frame / 30:.3f}s_frame{frame:06}.png': frame
        for number, frames in ((1, (0, 2, 5)), (2, (4, 6, 8)), (3, (8, 8, 8)))
        for part, frame in zip(
            ('1_first', '2_middle', '3_last'), frames, strict=True
        )
    }
    first, second = (tmp_path / n for n in ('one.zip', 'two.zip'))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize('name', ['frames', 'frames.zip'])
def test_nothing_found(sequences, tmp_path, name):
    pictures = pictures_of_occurrences(sequences[0], [])
    write_pictures(tmp_path / name, pictures, 'nothing')
    assert (tmp_path / name).exists()
    assert read(tmp_path / name) == {}


def test_names_that_are_one_folder_on_some_systems():
    sequences = [EmbeddedSequence(n, np.zeros((2, 2))) for n in 'aA']
    timeline = Timeline(0, np.zeros((2, 2), int), np.zeros(2))
    with pytest.raises(ValueError, match='--only'):
        next(pictures_of_timeline(sequences, timeline, 2, 64))


def test_nothing_to_show():
    one = EmbeddedSequence('a', np.zeros((2, 2)))
    found = [Occurrence(0, 2, 1.0, 0.0, 0)]
    with pytest.raises(ValueError, match='a: '):
        list(pictures_of_occurrences(one, found))
