import pytest

from masa.extraction.errors import ExtractionError
from masa.extraction.sequences import find_sequences


@pytest.fixture
def touch(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def found(*paths):
    return {
        one.name: one.path.relative_to(paths[0].parent).as_posix()
        for one in find_sequences(paths)
    }


def test_folder_of_videos_is_searched(touch):
    root = touch(
        *('squat/10.mp4', 'squat/2.MOV', 'bowl/1.a.mkv', 'top.mp4'),
        *('squat/notes.txt', '.hidden/9.mp4', 'bowl/._1.mp4'),
    )
    sequences = find_sequences([root])
    assert [one.name for one in sequences] == [
        'top',
        'bowl/1.a',
        'squat/2',
        'squat/10',
    ]
    assert sequences[-1].path == root / 'squat' / '10.mp4'


def test_layout_of_penn_action(touch):
    root = touch('frames/0002/000001.jpg', 'frames/0010/000001.jpg')
    assert found(root / 'frames') == {
        '0002': 'frames/0002',
        '0010': 'frames/0010',
    }


def test_folder_of_images_is_one_sequence(touch, monkeypatch):
    root = touch('a/1.png', 'a/2.png', 'a/below/1.png')
    wanted = {'a': 'a', 'below': 'a/below'}
    assert found(root / 'a') == wanted
    monkeypatch.chdir(root / 'a')
    assert {one.name for one in find_sequences([root / 'a' / '.'])} == {
        'a',
        'below',
    }


def test_file_of_any_suffix(touch):
    root = touch('clip.dat')
    assert [one.name for one in find_sequences([root / 'clip.dat'])] == [
        'clip'
    ]


def test_links_are_followed_and_circles_end(touch):
    root = touch('videos/1.mp4', 'elsewhere/2.mp4')
    (root / 'videos' / 'more').symlink_to(root / 'elsewhere')
    (root / 'elsewhere' / 'up').symlink_to(root / 'videos')
    assert {one.name for one in find_sequences([root / 'videos'])} == {
        '1',
        'more/2',
    }


def test_all_that_cannot_be_used_is_told(touch):
    root = touch('good.mp4', 'empty/notes.txt', 'top/a/1.jpg', 'top/a/2.mp4')
    touch('top/b/3.mp4')
    inputs = [root / one for one in ('none.mp4', 'good.mp4', 'empty', 'top')]
    sequences = find_sequences(inputs)
    usable = [one.name for one in sequences if not one.problem]
    assert usable == ['good', 'b/3']
    broken = {one.path: one.name for one in sequences if one.problem}
    paths = [root / one for one in ('none.mp4', 'empty', 'top/a')]
    assert broken == {path: str(path) for path in paths}


@pytest.mark.parametrize(
    ('files', 'inputs'),
    [
        (['a/1.mp4', 'a/1.avi'], ['a']),
        (['a/1.mp4', 'b/1.mp4'], ['a', 'b']),
    ],
)
def test_two_sequences_of_one_id(touch, files, inputs):
    root = touch(*files)
    with pytest.raises(ExtractionError, match="id '1'"):
        find_sequences([root / one for one in inputs])


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / 'a\udcff.mp4'
    try:
        path.touch()
    except (OSError, UnicodeError):
        pytest.skip('the file system has no such names')
    (sequence,) = find_sequences([tmp_path])
    assert 'not UTF-8' in sequence.problem
    f'{sequence.name}: {sequence.problem}'.encode()
