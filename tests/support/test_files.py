import os
import tempfile
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa.support.files import (
    alike_on_disk,
    archive_name,
    output_path,
)

# What makes a path special, more often than chance would have it.
PARTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            *('', '.', '..', '...', ' ', 'a', 'A', 'a.', 'a ', '.a', '~'),
            *('con', 'NUL', 'aux.txt', 'COM1', 'lpt9.x.y', 'com¹', 'C:'),
            *('a\\b', '..\\..', '%', '%2E', '%~', '\0', '\n', '\udcff'),
            *('a.npy', 'settings.json', 'a.NPY', '.writing-x', 'é', 'e\u0301'),
            *('x' * 251, 'x' * 252, 'x' * 300, 'ä' * 150, '\udcff' * 90),
        ]
    ),
)
NAMES = st.builds('/'.join, st.lists(PARTS, min_size=1, max_size=5))


def create(folder, name):
    path = output_path(folder, name, '.npy')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ascii(name))
    return path


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@settings(max_examples=150, deadline=None)
def test_outputs_are_apart_and_inside(names):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, 'out')
        paths = [create(root, name) for name in names]
        assert len(set(paths)) == len(names)
        for name, path in zip(names, paths, strict=True):
            assert path.read_text() == ascii(name)
            assert root in Path(os.path.normpath(path)).parents
            relative = path.relative_to(root)
            assert '..' not in relative.parts
            # As Windows sees it.
            windows = PureWindowsPath(str(relative))
            assert not windows.drive
            assert not windows.root
            assert windows.parts == relative.parts
            for part in windows.parts:
                assert part == part.rstrip('. ')
                assert not PureWindowsPath(part).is_reserved()
                assert not set(part) & set('<>:"|?*')
                assert len(part.encode()) <= 255
        assert sorted(os.listdir(folder)) == ['out']


@given(st.text(st.characters(categories=['Ll', 'Nd', 'Lo']), min_size=1))
def test_usual_names_stay_as_they_are(name):
    if len(name.encode()) < 250 and output_path('', name).name[0] != '%':
        assert output_path('out', f'a-1/{name}', '.npy') == Path(
            'out', 'a-1', f'{name}.npy'
        )


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('squat/001', 'squat/001.npy'),
        ('../a', '%2E%2E/a.npy'),
        ('/etc/x', '%/etc/x.npy'),
        ('aux', '%61ux.npy'),
        ('a.npy/b', 'a%2Enpy/b.npy'),
        ('50%: ', '50%25%3A%20.npy'),
    ],
)
def test_what_names_become(name, expected):
    assert output_path('', name, '.npy').as_posix() == expected


def test_very_long_names():
    long = 'x' * 5000
    names = [long, f'{long}y', f'{long}/a', f'{long}/b', 'ab/' * 3000 + 'c']
    paths = [output_path('', name, '.npy') for name in names]
    assert len(set(paths)) == len(names)
    for path in paths:
        assert len(path.as_posix().encode()) <= 1000
        assert path.suffix == '.npy'


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['a', 'b', 'A'], ('a', 'A')),
        (['é', 'e\u0301'], ('é', 'e\u0301')),
        (['É/x', 'e\u0301/X'], ('É/x', 'e\u0301/X')),
        (['a', 'a/a', 'aa', 'CON', 'con'], None),
    ],
)
def test_names_alike_on_disk(names, expected):
    assert alike_on_disk(names) == expected


@given(NAMES)
def test_names_in_archives(name):
    found = archive_name(name)
    assert unquote(found, errors='surrogatepass') == name
    assert not found.startswith('/')
    assert not {'.', '..'} & set(found.split('/'))
    assert not set('\0\\') & set(found)
    found.encode()
