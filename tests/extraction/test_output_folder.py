import json
import os
import re

import numpy as np
import pytest

from masa.extraction.errors import ExtractionError
from masa.extraction.output_folder import OutputFolder
from masa.extraction.sequences import MediaSequence
from masa.extraction.timestamps import timestamps_path, write_timestamps

SETTINGS = dict(model='a', dtype='float32', sizes=[1, 2])


@pytest.fixture
def sequence(tmp_path):
    path = tmp_path / 'videos' / '1.mp4'
    path.parent.mkdir()
    path.touch()
    os.utime(path, (1000, 1000))
    return MediaSequence('squat/1', path)


@pytest.fixture
def folder(tmp_path):
    return OutputFolder(tmp_path / 'features', 'float32')


def save(folder, sequence, array=None):
    path = folder.path(sequence.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.ones((5, 3), 'float32') if array is None else array)
    write_timestamps(path, np.arange(5) / 30)
    return path


def test_same_settings_go_on(folder, sequence):
    folder.claim(SETTINGS, [sequence])
    text = (folder.root / 'settings.json').read_bytes()
    save(folder, sequence)
    folder.claim(SETTINGS, [sequence])
    assert (folder.root / 'settings.json').read_bytes() == text
    assert folder.num_frames(sequence) == 5
    # Of some nothing may be known yet.
    folder.check(dict(model='a'), [sequence])


def test_times_of_the_frames(folder, sequence):
    path = save(folder, sequence)
    np.testing.assert_allclose(
        folder.time_fields(sequence.name)['timestamps'],
        np.arange(5) / 30,
        atol=1e-6,
    )
    # Images have none.
    write_timestamps(path, None)
    assert folder.num_frames(sequence) == 5
    assert folder.time_fields(sequence.name) == {}
    timestamps_path(path).write_text('[0, "x"]')
    with pytest.raises(ExtractionError, match='timestamps'):
        folder.time_fields(sequence.name)
    # What an earlier version left without them is made anew.
    timestamps_path(path).unlink()
    assert folder.num_frames(sequence) is None


def test_other_settings_are_refused(folder, sequence):
    folder.claim(SETTINGS, [sequence])
    other = dict(SETTINGS, model='b', sizes=[2, 2])
    with pytest.raises(ExtractionError) as error:
        folder.claim(other, [sequence])
    assert str(error.value).startswith(
        f'the features in {folder.root} were made with model "a", not "b"; '
        'sizes [1, 2], not [2, 2]: '
    )
    written = json.loads((folder.root / 'settings.json').read_text())
    assert written == SETTINGS


def test_features_of_unknown_settings_are_refused(folder, sequence):
    path = save(folder, sequence)
    with pytest.raises(ExtractionError, match=re.escape(str(folder.root))):
        folder.claim(SETTINGS, [sequence])
    assert path.exists()


@pytest.mark.parametrize('text', ['{"model"', '[1]'])
def test_broken_settings(folder, sequence, text):
    folder.root.mkdir()
    (folder.root / 'settings.json').write_text(text)
    with pytest.raises(ExtractionError, match=r'settings\.json'):
        folder.check(SETTINGS, [sequence])


def test_remains_of_a_killed_run_are_removed(folder, sequence):
    left = folder.path(sequence.name).parent / '.writing-x1'
    left.mkdir(parents=True)
    (left / '1.npy').write_bytes(b'half')
    folder.claim(SETTINGS, [sequence])
    assert not left.exists()


def test_changed_video_is_done_anew(folder, sequence):
    assert folder.num_frames(sequence) is None
    path = save(folder, sequence)
    os.utime(path, (2000, 2000))
    assert folder.num_frames(sequence) == 5
    os.utime(sequence.path, (3000, 3000))
    assert folder.num_frames(sequence) is None


def test_changed_image_is_done_anew(folder, tmp_path):
    image = tmp_path / 'images' / '1.png'
    image.parent.mkdir()
    image.touch()
    sequence = MediaSequence('images', image.parent)
    path = save(folder, sequence)
    for one in (image, image.parent):
        os.utime(one, (1000, 1000))
    os.utime(path, (2000, 2000))
    assert folder.num_frames(sequence) == 5
    os.utime(image, (3000, 3000))
    assert folder.num_frames(sequence) is None


@pytest.mark.parametrize(
    'array', [np.ones((5, 3), 'float16'), np.ones(5, 'float32')]
)
def test_other_arrays_are_refused(folder, sequence, array):
    save(folder, sequence, array)
    with pytest.raises(ExtractionError, match='float32'):
        folder.num_frames(sequence)


def test_broken_features_are_refused(folder, sequence):
    save(folder, sequence).write_bytes(b'half')
    with pytest.raises(ExtractionError, match=r'\.npy'):
        folder.num_frames(sequence)


def test_files_are_inside_of_the_folder(folder):
    for name in ('../a', '/a', 'aux', 'x' * 300):
        assert folder.root in folder.path(name).parents


def test_names_that_differ_in_case_only_are_refused(folder, sequence):
    other = MediaSequence('Squat/1', sequence.path)
    with pytest.raises(ExtractionError, match=r"'squat/1' and 'Squat/1'"):
        folder.check(SETTINGS, [sequence, other])
