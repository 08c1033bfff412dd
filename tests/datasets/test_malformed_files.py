"""Every kind of bad file is named with its record, field and reason.

Each through the check, through ``masa check`` and through the dataset.
"""

import json
import pickle
from pathlib import Path

import pytest
from malformed_cases import (
    CASES,
    CUT,
    PIPELINE_CASES,
    SLOW_CASES,
    UNREADABLE,
)
from tiny_demo import masa_command
from valid_annotations import LENGTHS, PIPELINE, make_valid, write_features

from masa.datasets import (
    AnnotationError,
    SequenceDataset,
    check_annotations,
    save_annotations,
)

check_data = masa_command('check')


@pytest.fixture
def folder(tmp_path):
    write_features(tmp_path)
    return tmp_path


def write(annotations, folder):
    path = folder / 'data.pkl'
    path.write_bytes(pickle.dumps(annotations))
    return path


def columns(printed):
    """The columns of a printed table, lines of a cell put together."""
    lines = [
        line.strip('│').split('│')
        for line in printed.splitlines()
        if line.startswith('│')
    ]
    return [squeezed(''.join(column)) for column in zip(*lines, strict=True)]


def squeezed(text):
    return ''.join(text.split())


def read(path, folder):
    return SequenceDataset(
        str(path), PIPELINE, data_prefix=dict(feature=str(folder))
    )


def test_valid_file(folder, capsys):
    path = write(make_valid(), folder)
    assert check_annotations(make_valid(), str(folder)) == []
    assert check_data([str(path), '--features', str(folder)]) == 0
    dataset = read(path, folder)
    lengths = [len(one['inputs'][0]['values']) for one in dataset]
    # One frame is enough.
    assert lengths[0] == LENGTHS['a'] == 1


def is_said(problem, name, field, expected, found):
    return (
        problem.record == name
        and problem.field == field
        and expected in problem.expected
        and found in problem.found
    )


# One mistake is one problem, but for these.
SEVERAL = {
    'record of text': 2,
    'no id': 3,
    'id of a number': 3,
    'duplicate id': 2,
    'phase beyond int32': 2,
    'zero frames': 2,
    'total_frames of another length': 5,
    'path empty': 2,
}


@pytest.mark.parametrize('name', [*CASES, *SLOW_CASES])
def test_bad_file(name, folder, capsys):
    change, text = (CASES | SLOW_CASES)[name]
    words = text.split('|')
    annotations = make_valid()
    change(annotations, folder)
    problems = check_annotations(annotations, str(folder))
    assert any(is_said(problem, *words) for problem in problems), problems
    assert len(problems) == SEVERAL.get(name, 1)

    path = write(annotations, folder)
    assert check_data([str(path), '--features', str(folder)]) == 1
    printed = capsys.readouterr().out
    assert f'data.pkl: problems: {len(problems)}' in printed.replace('\n', '')
    for word, column in zip(words, columns(printed), strict=True):
        assert squeezed(word) in column

    if name in CASES:
        with pytest.raises(AnnotationError) as error:
            read(path, folder)
        for word in (str(path), *words):
            assert word in str(error.value)


@pytest.mark.parametrize('name', PIPELINE_CASES)
def test_file_that_does_not_fit_the_pipeline(name, folder):
    change, text = PIPELINE_CASES[name]
    words = text.split('|')
    annotations = make_valid()
    change(annotations, folder)
    assert check_annotations(annotations, str(folder)) == []
    path = write(annotations, folder)
    with pytest.raises(AnnotationError) as error:
        read(path, folder)
    for word in (str(path), *words):
        assert word in str(error.value)
    # Without the pipeline there is nothing to find.
    SequenceDataset(str(path), [])


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (
            lambda made: made['skeleton'].pop('bones'),
            ('skeleton.bones', 'none'),
        ),
        (
            lambda made: made['annotations'][1].pop('keypoint_score'),
            ("'b'", 'keypoint_score', 'none'),
        ),
    ],
)
def test_file_without_what_is_packed(change, words, folder):
    annotations = make_valid()
    modalities = ('keypoint', 'bone', 'missing')
    pipeline = [dict(type='PackSequenceInputs', modalities=modalities)]
    dataset = SequenceDataset(str(write(annotations, folder)), pipeline)
    assert dataset[3]['inputs'][0]['values'].shape == (8, 8 + 6 + 4)
    change(annotations)
    with pytest.raises(AnnotationError) as error:
        SequenceDataset(str(write(annotations, folder)), pipeline)
    for word in words:
        assert word in str(error.value)


def test_many_problems_are_listed_in_one_pass(folder, capsys):
    apart = {
        'number 4': 'record of text',
        'val': 'id of another type',
        'phases': 'phases of no activity',
        'label': 'label text',
        'phase': 'phases float',
        'keypoint': 'joint NaN',
        'time': 'time of another length',
        'image': 'image of text',
        'skeleton': 'root out of range',
        'bones': 'bone out of range',
        'features': 'features truncated',
    }
    annotations = make_valid()
    for name in apart.values():
        CASES[name][0](annotations, folder)
    path = write(annotations, folder)
    assert check_data([str(path), '--features', str(folder)]) == 1
    printed = capsys.readouterr().out
    # A record that is no dict is in no split either.
    assert f'problems: {len(apart) + 1}' in printed
    for name in apart.values():
        for word, column in zip(
            CASES[name][1].split('|'), columns(printed), strict=True
        ):
            assert squeezed(word) in column
    with pytest.raises(AnnotationError, match='11 problems'):
        # It reads no features of a file that has problems.
        read(path, folder)


@pytest.mark.parametrize(
    ('suffix', 'content', 'message'),
    UNREADABLE,
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_file_that_cannot_be_read(
    suffix, content, message, folder, capsys, monkeypatch
):
    path = folder / f'data{suffix}'
    if content is CUT:
        save_annotations(make_valid(), path)
        content = path.read_bytes()[:-9]
    path.write_bytes(content)
    monkeypatch.chdir(folder)
    assert check_data([str(path)]) == 2
    assert squeezed(message) in squeezed(capsys.readouterr().out)
    with pytest.raises(AnnotationError) as error:
        read(path, folder)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    assert not Path('code-was-run').exists()


@pytest.mark.parametrize('suffix', ['.pkl', '.npz', '.json'])
def test_folder_in_the_place_of_a_file(suffix, folder, capsys):
    path = folder / f'data{suffix}'
    path.mkdir()
    assert check_data([str(path)]) == 2
    assert 'is a folder' in capsys.readouterr().out.replace('\n', ' ')
    with pytest.raises(AnnotationError, match=path.name):
        read(path, folder)


def test_id_that_cannot_be_printed(folder, capsys):
    path = folder / 'data.json'
    text = json.dumps(dict(annotations=[dict(frame_dir='\ud800')]))
    path.write_text(text)
    assert check_data([str(path)]) == 1
    assert '\\ud800' in capsys.readouterr().out


def test_protocols_share_ids_and_roles_do_not():
    split = dict(
        xsub_train=['a', 'b'],
        xsub_val=['c', 'd'],
        xview_train=['a', 'c'],
        xview_val=['b', 'd'],
        all=list('abcd'),
        trainval=list('abcd'),
        train1=['a'],
        test2=['a'],
    )
    assert check_annotations(make_valid(split=split)) == []
    split['test1'] = ['a']
    (problem,) = check_annotations(make_valid(split=split))
    assert problem.field == "split 'test1'"
    assert problem.expected == "ids that are not in split 'train1'"
