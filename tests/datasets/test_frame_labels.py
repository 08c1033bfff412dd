import copy
from itertools import pairwise

import numpy as np
import pytest

from masa.datasets import AnnotationError, check_annotations
from masa.datasets.frame_labels import (
    Segment,
    add_phases,
    labels_of_frames,
    labels_of_sequence,
    read_frame_labels,
)

HEADER = 'sequence,start,end,phase\n'


@pytest.fixture
def write(tmp_path):
    def write_text(text):
        path = tmp_path / 'phases.csv'
        path.write_text(text, 'utf-8')
        return path

    return write_text


def annotations(lengths, labels=None, **fields):
    records = [
        dict(
            frame_dir=name,
            total_frames=frames,
            keypoint=np.ones((1, frames, 2, 2), np.float32),
            **fields,
        )
        for name, frames in lengths.items()
    ]
    made = dict(split=dict(train=list(lengths)), annotations=records)
    if labels:
        made['activities'] = sorted(set(labels.values()))
        for record in records:
            name = labels.get(record['frame_dir'])
            if name:
                record['label'] = made['activities'].index(name)
    return made


def seconds(*segments):
    return [Segment('f', start, end, n, True) for start, end, n in segments]


def test_segments_in_seconds(write):
    text = HEADER + 'a,0,0.4,down\na,"0,4",0:00:00.8,up\nb,0.2,1,down\n'
    made = annotations(dict(a=10, b=10), frame_rate=10.0)
    before = copy.deepcopy(made)
    found, remarks = add_phases(made, write(text))
    assert remarks == []
    assert check_annotations(found) == []
    first, second = (one['phase'].tolist() for one in found['annotations'])
    assert first == [0] * 4 + [1] * 4 + [-1] * 2
    assert second == [-1] * 2 + [0] * 8
    assert found['phases'] == dict(all=['down', 'up'])
    assert made['annotations'][0].keys() == before['annotations'][0].keys()


@pytest.mark.parametrize(
    'text',
    [
        'sequence,start_frame,end_frame,label\na,0,1,x\na,2,2,y\na,3,3,\n',
        'frame;phase;sequence\n0;x;a\n1;x;a\n2;y;a\n3;;a\n',
        'sequence,start_frame,end_frame,phase,note\na,2,2,y,!\na,0,1,x,!\n',
    ],
)
def test_labels_of_frames_by_number(text, write):
    path = write(text)
    assert labels_of_sequence(path, 'a', 4) == ['x', 'x', 'y', '']
    found, remarks = add_phases(annotations(dict(a=4)), path)
    assert found['annotations'][0]['phase'].tolist() == [0, 0, 1, -1]
    assert found['phases'] == dict(all=['x', 'y'])
    assert remarks == (
        [f'columns of {path} that are not used: note'] if '!' in text else []
    )


def test_rounding_of_seconds_moves_no_frame():
    for rate in (23.976, 29.97, 30.0, 59.94, 240.0):
        for first in range(1, 40):
            cut = round(first / rate, 3)
            labels = labels_of_frames(
                seconds((0, cut, 'a'), (cut, 50 / rate, 'b')),
                50,
                np.arange(50) / rate,
            )
            assert labels == ['a'] * first + ['b'] * (50 - first)


def test_frames_of_any_times():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.1, 30))
    cuts = np.sort(rng.uniform(times[0], times[-1], 6))
    labels = labels_of_frames(
        seconds(*((a, b, str(a)) for a, b in pairwise(cuts))),
        30,
        times,
    )
    for i in range(30):
        until = times[i + 1] if i < 29 else 2 * times[i] - times[i - 1]
        middle = (times[i] + until) / 2
        expected = ''
        for start, end in pairwise(cuts):
            if start <= middle < end:
                expected = str(start)
        assert labels[i] == expected


def test_a_single_frame():
    segments = seconds((0, 0.04, 'a'))
    assert labels_of_frames(segments, 1, np.zeros(1)) == ['a']


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (HEADER + 'a,0,0.5,x\na,0.4,1,y\n', ['line 3', 'line 2', 'frame 4']),
        (HEADER + 'a,0,9,x\n', ['line 2', '9 s']),
        (HEADER + 'a,1.2,1.3,x\n', ['line 2', 'no frame']),
        (HEADER + 'a,0.41,0.42,x\n', ['line 2', 'no frame']),
        (HEADER + 'a,0.5,0.5,x\n', ['line 2', 'after its start']),
        (HEADER + 'a,0.5,?,x\n', ['line 2', 'end', "'?'"]),
        (HEADER + 'a,-1,2,x\n', ['line 2', 'start', "'-1'"]),
        (HEADER + 'a,0,nan,x\n', ['line 2', 'end', "'nan'"]),
        (HEADER + ',0,1,x\n', ['line 2', 'id']),
        (HEADER + 'a,0,1,\n', ['no label']),
        (HEADER + 'A,0,1,x\n', ['line 2', "'A'", "'a'"]),
        ('sequence,frame,phase\na,10,x\n', ['line 2', 'frame 10', '[0, 10)']),
        ('sequence,frame,phase\na,1,x\na,1,y\n', ['line 3', 'line 2']),
        ('sequence,frame,phase\na,1.5,x\n', ['line 2', "'1.5'"]),
        (
            'sequence,start_frame,end_frame,phase\na,0,4,x\na,4,9,y\n',
            ['line 3', 'frame 4', 'last'],
        ),
        ('sequence,start,phase\na,0,x\n', ['start_frame', 'start, phase']),
        ('sequence,start,end,frame,phase\na,0,1,0,x\n', ['either']),
        ('sequence,start,end,phase,label\na,0,1,x,x\n', ['either']),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, words, write):
    path = write(text)
    with pytest.raises(AnnotationError) as error:
        add_phases(annotations(dict(a=10), frame_rate=10.0), path)
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert '\n' not in str(error.value)


def test_seconds_need_a_frame_rate(write):
    path = write(HEADER + 'a,0,0.5,x\na,0.5,1,y\n')
    made = annotations(dict(a=10))
    with pytest.raises(AnnotationError, match=r'line 2.*--frame-rate'):
        add_phases(made, path)
    found, _ = add_phases(made, path, frame_rate=10.0)
    assert found['annotations'][0]['phase'].tolist() == [0] * 5 + [1] * 5
    # What the record says goes before.
    made['annotations'][0]['timestamps'] = np.arange(10) / 20
    with pytest.raises(AnnotationError, match='line 3'):
        add_phases(made, path, frame_rate=10.0)


def test_names_by_activity_in_the_order_of_their_begin(write):
    text = 'sequence,start_frame,end_frame,phase\n' + ''.join(
        f'{name},{start},{end},{phase}\n'
        for name, start, end, phase in (
            ('a', 5, 9, 'up'),
            ('a', 0, 4, 'down'),
            ('b', 4, 6, 'turn'),
            ('b', 0, 3, 'up'),
            ('c', 2, 3, 'down'),
            ('c', 6, 8, 'hold'),
            ('c', 9, 9, 'up'),
            ('gone', 0, 3, 'up'),
        )
    )
    made = annotations(
        dict(a=10, b=10, c=10, d=10), dict(a='squat', b='spin', c='squat')
    )
    path = write(text)
    found, remarks = add_phases(made, path)
    assert check_annotations(found) == []
    assert found['phases'] == dict(
        squat=['down', 'hold', 'up'], spin=['up', 'turn']
    )
    phases = [one.get('phase') for one in found['annotations']]
    assert phases[0].tolist() == [0] * 5 + [2] * 5
    assert phases[1].tolist() == [0] * 4 + [1] * 3 + [-1] * 3
    assert phases[2].tolist() == [-1, -1, 0, 0, -1, -1, 1, 1, 1, 2]
    assert phases[3] is None
    assert any("'gone'" in one and 'line 9' in one for one in remarks)
    assert any("'d'" in one for one in remarks)
    # Phases that are there are not lost.
    with pytest.raises(AnnotationError, match=r"'a' .*--replace"):
        add_phases(found, path)
    more = write('sequence,frame,phase\na,1,up\na,2,sit\n')
    again, _ = add_phases(found, more, replace=True)
    assert again['phases']['squat'] == ['down', 'hold', 'up', 'sit']
    assert again['annotations'][0]['phase'].tolist()[:4] == [-1, 2, 3, -1]
    alone = write('sequence,frame,phase\nb,1,left\nb,2,right\n')
    again, _ = add_phases(found, alone, replace=True)
    assert again['phases']['spin'] == ['left', 'right']


def test_names_need_activities_where_there_are_some(write):
    made = annotations(dict(a=4, b=4), dict(a='squat'))
    with pytest.raises(AnnotationError, match="'b'"):
        add_phases(made, write('sequence,frame,phase\nb,1,up\n'))
    found, _ = add_phases(made, write('sequence,frame,phase\nb,1,3\nb,2,-1\n'))
    assert found['annotations'][1]['phase'].tolist() == [-1, 3, -1, -1]
    assert 'phases' not in found
    assert check_annotations(found) == []


def test_label_minus_one_is_no_activity(write):
    made = annotations(dict(a=4, b=4), dict(a='squat'))
    made['annotations'][1]['label'] = -1
    with pytest.raises(AnnotationError, match="'b'"):
        add_phases(made, write('sequence,frame,phase\nb,1,up\n'))
    del made['activities']
    for record in made['annotations']:
        record['label'] = -1
    found, _ = add_phases(made, write('sequence,frame,phase\nb,1,up\n'))
    assert found['phases'] == dict(all=['up'])


def test_a_file_of_one_sequence(write):
    path = write('start_frame,end_frame,label\n0,1,x\n')
    assert read_frame_labels(path).segments.keys() == {''}
    assert labels_of_sequence(path, 'a', 3) == ['x', 'x', '']
    path = write('sequence,start_frame,end_frame,label\nb,0,1,x\n')
    with pytest.raises(AnnotationError, match=r"'a'.* b"):
        labels_of_sequence(path, 'a', 3)
