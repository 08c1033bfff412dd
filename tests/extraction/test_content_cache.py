import os
import pickle
from unittest.mock import Mock

import numpy as np
import pytest

from masa.extraction.content_cache import ContentCache, default_cache
from masa.extraction.output_folder import OutputFolder
from masa.extraction.sequences import MediaSequence
from masa.extraction.timestamps import timestamps_path, write_timestamps
from masa.support.files import add_to_digest

SETTINGS = dict(model='a', weights='1')


def make_video(path, content=b'video', changed=1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (changed, changed))
    return MediaSequence(path.stem, path)


def make_file(folder, sequence, frames=4):
    path = folder.path(sequence.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.full((frames, 3), frames, 'float32'))
    write_timestamps(path, np.arange(frames) / 10)
    return path


@pytest.fixture
def cache(tmp_path):
    return ContentCache(tmp_path / 'cache')


def test_a_video_is_found_under_another_name_and_date(cache, tmp_path):
    made = OutputFolder(tmp_path / 'made', 'float32')
    first = make_video(tmp_path / 'a' / 'first.mp4')
    path = make_file(made, first)
    assert not cache.fetch(first, SETTINGS, made)
    cache.store(first, SETTINGS, made)
    moved = make_video(tmp_path / 'b' / 'moved.mp4', changed=2000)
    other = OutputFolder(tmp_path / 'other', 'float32')
    assert cache.fetch(moved, SETTINGS, other)
    assert other.num_frames(moved) == 4
    assert other.path('moved').read_bytes() == path.read_bytes()
    assert (
        timestamps_path(other.path('moved')).read_bytes()
        == timestamps_path(path).read_bytes()
    )
    assert cache.size() == path.stat().st_size


def test_other_content_or_settings_are_not_found(cache, tmp_path):
    made = OutputFolder(tmp_path / 'made', 'float32')
    first = make_video(tmp_path / 'first.mp4')
    make_file(made, first)
    cache.store(first, SETTINGS, made)
    other = OutputFolder(tmp_path / 'other', 'float32')
    assert not cache.fetch(first, SETTINGS | dict(weights='2'), other)
    changed = make_video(tmp_path / 'first.mp4', b'other')
    assert not cache.fetch(changed, SETTINGS, other)
    assert not other.path('first').exists()


def test_a_video_is_read_once(cache, tmp_path, monkeypatch):
    made = OutputFolder(tmp_path / 'made', 'float32')
    first = make_video(tmp_path / 'first.mp4')
    make_file(made, first)
    assert not cache.fetch(first, SETTINGS, made)
    # As processes that extract it get the cache.
    cache = pickle.loads(pickle.dumps(cache))
    opened = Mock(wraps=add_to_digest)
    monkeypatch.setattr('masa.extraction.content_cache.add_to_digest', opened)
    cache.store(first, SETTINGS, made)
    assert cache.fetch(first, SETTINGS, made)
    assert not opened.called
    changed = make_video(tmp_path / 'first.mp4', b'changed')
    assert not cache.fetch(changed, SETTINGS, made)
    assert opened.call_count == 1


def test_the_images_of_a_folder(cache, tmp_path):
    made = OutputFolder(tmp_path / 'made', 'float32')
    for name, content in (('0.png', b'ab'), ('1.png', b'c')):
        make_video(tmp_path / 'images' / name, content)
    images = MediaSequence('images', tmp_path / 'images')
    make_file(made, images)
    cache.store(images, SETTINGS, made)
    assert cache.fetch(images, SETTINGS, made)
    # The same bytes, divided otherwise.
    for name, content in (('0.png', b'a'), ('1.png', b'bc')):
        make_video(tmp_path / 'images' / name, content)
    assert not cache.fetch(images, SETTINGS, made)


def test_what_was_used_longest_ago_is_deleted(tmp_path):
    made = OutputFolder(tmp_path / 'made', 'float32')
    videos = [make_video(tmp_path / f'{i}.mp4', bytes([i])) for i in range(3)]
    for one in videos:
        size = make_file(made, one).stat().st_size
    cache = ContentCache(tmp_path / 'cache', 2 * size)
    for i, one in enumerate(videos[:2]):
        cache.store(one, SETTINGS, made)
        for path in cache.root.glob('*/*.npy'):
            os.utime(path, (i, i))
    # The first is used once more.
    assert cache.fetch(videos[0], SETTINGS, made)
    cache.store(videos[2], SETTINGS, made)
    found = [cache.fetch(one, SETTINGS, made) for one in videos]
    assert found == [True, False, True]
    assert cache.size() == 2 * size
    assert len(list(cache.root.glob('*/*.json'))) == 2
    # One that is too large by itself is kept until the next.
    cache = ContentCache(tmp_path / 'small', 1)
    cache.store(videos[0], SETTINGS, made)
    assert cache.fetch(videos[0], SETTINGS, made)


def test_where_the_cache_is(monkeypatch, tmp_path):
    assert default_cache() == type(tmp_path)(os.environ['MASA_CACHE'])
    monkeypatch.delenv('MASA_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert 'masa' in default_cache().parts
