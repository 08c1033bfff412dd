import json
import os
import subprocess
import sys

import pytest

from masa.datasets import AnnotationError
from masa.datasets.text_files import (
    read_csv,
    read_json,
    read_lines,
    read_text,
)

ENCODINGS = ('utf-8', 'utf-8-sig', 'utf-16', 'utf-32')
COLUMNS = ('sequence', 'activity', 'split')


@pytest.fixture
def write(tmp_path):
    def write_bytes(content, name='labels.csv'):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_bytes


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_encodings_and_line_ends(encoding, end, write):
    lines = ['räkeln', '', ' 字\u2028x ', 'räkeln', '']
    path = write(end.join(lines).encode(encoding))
    assert read_lines(path) == ['räkeln', '字\u2028x', 'räkeln']
    table = end.join(['sequence', 'ä', '', '字', ''])
    found = read_csv(write(table.encode(encoding)), COLUMNS)
    assert [row.values for row in found.rows] == [
        dict(sequence='ä'),
        dict(sequence='字'),
    ]
    content = {'ä': [1, '字']}
    text = json.dumps(content, ensure_ascii=False)
    assert read_json(write(text.encode(encoding))) == content


@pytest.mark.parametrize(
    'content',
    [
        'sequence\nä\n'.encode('latin-1'),
        'sequence\nä\n'.encode('utf-16-le'),
        '\ufeffsequence\n'.encode('utf-16-be')[:-1],
        b'sequence\n\0\n',
    ],
)
def test_what_is_no_text_is_named(content, write):
    path = write(content)
    for read in (read_text, read_lines, lambda p: read_csv(p, COLUMNS)):
        with pytest.raises(AnnotationError) as error:
            read(path)
        assert str(path) in str(error.value)
        assert 'UTF-8' in str(error.value)
        assert '\n' not in str(error.value)


def test_what_is_no_json_is_named(write):
    for content in (b'{"a": ', b'{"a": "\xe4"}', b'[' * 100_000, b''):
        path = write(content)
        with pytest.raises(AnnotationError, match='labels'):
            read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(path.with_name('none.json'))


@pytest.mark.parametrize('delimiter', [',', ';', '\t', ', ', ' ; '])
def test_delimiters_and_blanks(delimiter, write):
    lines = [
        [' Sequence', 'activity ', 'split'],
        ['a/1', '"räkeln, ""so""; ja"', ' val '],
        ['', '', ''],
        ['b', '', 'train'],
    ]
    text = '\n'.join(delimiter.join(line) for line in lines) + '\n\n'
    found = read_csv(write(text.encode()), COLUMNS, required=['sequence'])
    assert found.columns == list(COLUMNS)
    assert [tuple(row.values.values()) for row in found.rows] == [
        ('a/1', 'räkeln, "so"; ja', 'val'),
        ('b', '', 'train'),
    ]
    assert [row.line for row in found.rows] == [2, 4]


def test_empty_cells_at_the_right(write):
    text = 'sequence,split,,\na,val,,\nb,train\n'
    found = read_csv(write(text.encode()), COLUMNS)
    assert [row.values for row in found.rows] == [
        dict(sequence='a', split='val'),
        dict(sequence='b', split='train'),
    ]


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('sequence,label\na,1\n', ["'label' is unknown", 'activity']),
        ('activity\na\n', ['lacks sequence']),
        ('', ['lacks sequence', 'none']),
        ('sequence,sequence\na,b\n', ['sequence more than once']),
        ('sequence,split\na\n', ['line 2', '2 values']),
        ('sequence,split\n\na,b,c\n', ['line 3', '2 values']),
        ('sequence,,split\na,b,c\n', ['line 2', '2 values']),
        ('sequence,split\na,"b\nc,d\n', ['line 3', 'quotation mark']),
        ('sequence\n' + 'a' * 200_000, ['line 2', 'CSV']),
    ],
)
def test_wrong_tables_are_named(text, words, write):
    path = write(text.encode())
    with pytest.raises(AnnotationError) as error:
        read_csv(path, COLUMNS, required=['sequence'])
    for word in [str(path), *words]:
        assert word in str(error.value)


def test_further_columns(write):
    path = write(b'sequence,note\na,x\n')
    found = read_csv(path, COLUMNS, others=True)
    assert found.columns == ['sequence', 'note']


def test_the_locale_does_not_matter(write):
    path = write('sequence\nä\n'.encode())
    code = (
        'import sys; from masa.datasets.text_files import read_csv; '
        'print(ascii(read_csv(sys.argv[1], ["sequence"]).rows[0].values))'
    )
    done = subprocess.run(
        [sys.executable, '-X', 'utf8=0', '-W', 'ignore', '-c', code, path],
        env=dict(os.environ, LC_ALL='C', PYTHONCOERCECLOCALE='0'),
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1:] == ["{'sequence': '\\xe4'}"]
