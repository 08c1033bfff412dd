"""Every format is read by a parser of its own."""

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pympi
import pytest
import srt
import webvtt
from video_files import make_frames, write_video

from masa.embeddings import EmbeddedSequence
from masa.writers.formats import TRACK_FORMATS, output_suffix, write_tracks
from masa.writers.tracks import Interval, Track, one_line

NAMES = [
    'squat',
    'down --> up',
    '<b>R&D</b> "left"',
    'höher 字 عربي 🏋',
    'first\r\n\r\nsecond\tthird',
    'nul \x00, escape \x1b, half a pair \ud83c, \uffff',
    'very long ' * 300,
]
TIMED = '.srt', '.vtt', '.eaf'


def sequence(times, name='rec', video=None):
    times = None if times is None else np.asarray(times, float)
    frames = 40 if times is None else len(times)
    return EmbeddedSequence(
        name, np.zeros((frames, 2)), times, video=video and Path(video)
    )


def track(times, *places, name='rec', video=None, kind='occurrences'):
    """An interval for each (start, end), with an unusual name."""
    intervals = []
    for i, (start, end) in enumerate(places):
        label = one_line(NAMES[i % len(NAMES)])
        caption = f'{i + 1}: {label}, score 0.93'
        intervals.append(Interval(label, caption, start, end, 0.93))
    return Track(sequence(times, name, video), kind, intervals)


def read(path):
    """Return (start, end, text), in milliseconds, by another's parser."""
    if path.suffix == '.srt':
        one = timedelta(milliseconds=1)
        cues = srt.parse(path.read_text(encoding='utf-8'))
        return [(c.start // one, c.end // one, c.content) for c in cues]
    if path.suffix == '.vtt':
        return [
            (
                c.start_time.in_milliseconds(),
                c.end_time.in_milliseconds(),
                c.text,
            )
            for c in webvtt.read(str(path))
        ]
    eaf = pympi.Eaf(str(path))
    return sorted(
        tuple(annotation)
        for tier in eaf.get_tier_names()
        for annotation in eaf.get_annotation_data_for_tier(tier)
    )


def unescaped(text):
    # WebVTT's parser leaves the escapes.
    for escape, sign in (('&lt;', '<'), ('&gt;', '>'), ('&amp;', '&')):
        text = text.replace(escape, sign)
    return text


# Overlapping, adjoining, of one frame, to the last frame; an hour and more.
PLACES = (0, 5), (3, 9), (9, 12), (20, 21), (20, 30), (22, 25), (30, 40)


@pytest.mark.parametrize('suffix', TIMED)
@pytest.mark.parametrize('start', [0, 100.25, 3700])
def test_times_and_names(suffix, start, tmp_path):
    times = start + np.cumsum(np.arange(40) % 3 + 1) / 100
    made = track(times, *PLACES)
    path = tmp_path / f'out{suffix}'
    write_tracks(path, [made])
    found = read(path)
    ends = [*times[1:], 2 * times[-1] - times[-2]]
    assert len(found) == len(PLACES)
    for (begin, end, text), interval in zip(
        found, made.intervals, strict=True
    ):
        first, last = interval.start_frame, interval.end_frame - 1
        assert begin == pytest.approx(1000 * times[first], abs=0.51)
        assert end == pytest.approx(1000 * ends[last], abs=0.51)
        if suffix == '.srt':
            assert text == interval.caption.replace('-->', '→').strip()
        else:
            assert unescaped(text) == interval.caption.strip()
        assert '\x00' not in text
        assert '\n' not in text


@pytest.mark.parametrize('suffix', TIMED)
def test_an_interval_lasts_a_millisecond_at_least(suffix, tmp_path):
    # At 10 kHz, and a single frame, of which nobody knows how long it shows.
    write_tracks(tmp_path / f'a{suffix}', [track([1, 1.0001], (0, 1))])
    write_tracks(tmp_path / f'b{suffix}', [track([1], (0, 1))])
    for name in 'ab':
        ((start, end, _),) = read(tmp_path / f'{name}{suffix}')
        assert (start, end) == (1000, 1001)


@pytest.mark.parametrize('suffix', TRACK_FORMATS)
def test_nothing_found_is_a_valid_file(suffix, tmp_path, capsys):
    video = write_video(tmp_path / 'a.mp4', make_frames(4))
    path = tmp_path / f'out{suffix}'
    write_tracks(path, [track(np.arange(4) / 30, video=video)])
    assert f'{path}: 0 occurrences' in capsys.readouterr().out
    if suffix in TIMED:
        assert read(path) == []
    elif suffix == '.cvat.xml':
        assert read_cvat(path)[1:] == [[], {'size': '4'}]
    else:
        (task,) = json.loads(path.read_text())
        assert task['predictions'][0]['result'] == []


@pytest.mark.parametrize('suffix', TIMED)
@pytest.mark.parametrize('times', [None, [-1, 0, 1]])
def test_times_are_needed(suffix, times, tmp_path):
    path = tmp_path / f'out{suffix}'
    with pytest.raises(ValueError, match='rec: '):
        write_tracks(path, [track(times, (0, 1))])
    assert not path.exists()


def test_captions_of_several_lines(tmp_path):
    lines = 'repetition 1: score 4.10\nright knee bent less'
    made = [Interval('a', lines, 0, 2)]
    for suffix in TIMED:
        path = tmp_path / f'out{suffix}'
        write_tracks(path, [Track(sequence([0, 1]), 'repetitions', made)])
        assert read(path) == [(0, 2000, lines)]


def test_elan_tiers_and_media(tmp_path):
    video = write_video(tmp_path / 'a & b.mp4', make_frames(4))
    times = np.arange(40) / 30
    tracks = [
        track(times, *PLACES, name='a', video=video),
        track(times, (0, 4), name='b', video=tmp_path, kind='phases'),
    ]
    (tmp_path / 'sub').mkdir()
    path = tmp_path / 'sub' / 'out.eaf'
    write_tracks(path, tracks)
    eaf = pympi.Eaf(str(path))
    first = [f'a: occurrences{number}' for number in ('', ' (2)')]
    assert sorted(eaf.get_tier_names()) == [*first, 'b: phases']
    for tier in first:
        found = sorted(eaf.get_annotation_data_for_tier(tier))
        for (_, end, _), (start, *_) in pairwise(found):
            assert end <= start
    # Folders of images are not played.
    (media,) = eaf.get_linked_files()
    assert media['MEDIA_URL'] == video.as_uri()
    assert media['RELATIVE_MEDIA_URL'] == '../a & b.mp4'
    assert media['MIME_TYPE'] == 'video/mp4'
    ids = [
        slot.get('TIME_SLOT_ID') for slot in ET.parse(path).iter('TIME_SLOT')
    ]
    values = [eaf.timeslots[one] for one in ids]
    assert values == sorted(values)
    assert len(set(ids)) == len(ids) == 2 * (len(PLACES) + 1)


def test_label_studio(tmp_path):
    times = np.arange(40) / 30
    path = tmp_path / 'out.labelstudio.json'
    tracks = [
        track(times, (0, 5), (39, 40), video='some where/a.mp4'),
        track(None, (3, 4), name='b', kind='phases'),
    ]
    write_tracks(path, tracks)
    first, second = json.loads(path.read_text())
    assert first['data'] == {'video': 'some where/a.mp4', 'fps': 30}
    assert second['data'] == {'video': 'b'}
    # As in https://labelstud.io/tags/timelinelabels, with the keys that
    # https://labelstud.io/guide/predictions asks of every result.
    (prediction,) = first['predictions']
    assert prediction['result'] == [
        {
            'id': f'occurrences-{i + 1}',
            'from_name': 'timelineLabels',
            'to_name': 'video',
            'type': 'timelinelabels',
            'value': {
                'ranges': [{'start': start, 'end': end}],
                'timelinelabels': [label],
            },
            'score': 0.93,
        }
        for i, (start, end, label) in enumerate(
            [(1, 5, 'squat'), (40, 40, 'down --> up')]
        )
    ]
    (phase,) = second['predictions'][0]['result']
    assert phase['value']['ranges'] == [{'start': 4, 'end': 4}]


def test_label_studio_counts_frames_by_time(tmp_path):
    # 2, then 8 frames a second: 4 a second on average.
    times = [0, 0.5, 1, 1.125, 1.25]
    path = tmp_path / 'out.labelstudio.json'
    write_tracks(path, [track(times, (0, 2), (2, 3), (4, 5))])
    ((task),) = json.loads(path.read_text())
    rate = task['data']['fps']
    assert rate == pytest.approx(4 / 1.25)
    ranges = [
        one['value']['ranges'][0] for one in task['predictions'][0]['result']
    ]
    for place, (start, end) in zip(ranges, [(0, 1), (1, 1.125)], strict=False):
        assert place['start'] - 1 == round(start * rate)
        assert place['end'] == max(place['start'], round(end * rate))


def read_cvat(path):
    """Read as CVAT's own importer: tracks of key frames."""
    root = ET.parse(path).getroot()
    assert root.tag == 'annotations'
    assert root.find('version').text == '1.1'
    task = root.find('meta/task')
    labels = [one.text for one in task.findall('labels/label/name')]
    tracks = []
    for element in root.iter('track'):
        shapes = []
        for box in element:
            assert box.tag == 'box'
            assert box.get('keyframe') == '1'
            sides = [float(box.get(key)) for key in ('xtl', 'ytl')]
            sides += [float(box.get(key)) for key in ('xbr', 'ybr')]
            score = box.find("attribute[@name='score']").text
            shapes.append(
                (int(box.get('frame')), box.get('outside') == '1', sides)
            )
            assert float(score) == 0.93
        tracks.append((element.get('label'), shapes))
    return [labels, tracks, {'size': task.find('size').text}]


def test_cvat(tmp_path):
    video = write_video(tmp_path / 'a.mp4', make_frames(4, 48, 64))
    path = tmp_path / 'out.cvat.xml'
    made = track(np.arange(4) / 30, (0, 2), (1, 4), video=video)
    write_tracks(path, [made])
    picture = [0, 0, 64, 48]
    assert read_cvat(path) == [
        ['squat', 'down --> up'],
        [
            ('squat', [(0, False, picture), (2, True, picture)]),
            # There is no frame after the last one.
            ('down --> up', [(1, False, picture)]),
        ],
        {'size': '4'},
    ]
    with pytest.raises(ValueError, match='rec: '):
        write_tracks(path, [track([0, 1], (0, 1))])


def test_a_file_for_each_of_several_sequences(tmp_path):
    path = tmp_path / 'out.srt'
    tracks = [track([0, 1], (0, 1), name=name) for name in ('val/a', 'b?')]
    write_tracks(path, tracks)
    files = [tmp_path / 'out' / name for name in ('val/a.srt', 'b%3F.srt')]
    assert all(file.read_text() for file in files)
    assert not path.exists()
    files[0].unlink()
    with pytest.raises(ValueError, match='--overwrite'):
        write_tracks(path, tracks)
    assert not files[0].exists()
    write_tracks(path, tracks, overwrite=True)
    assert files[0].exists()
    tracks += [track([0, 1], (0, 1), name='B?')]
    with pytest.raises(ValueError, match=r'B\?'):
        write_tracks(path, tracks, overwrite=True)


def test_suffixes():
    for name, suffix in {
        'a.srt': '.srt',
        'a.b.cvat.xml': '.cvat.xml',
        'a.labelstudio.json': '.labelstudio.json',
        'a.json': '.json',
        'cvat.xml': '.xml',
        'folder': '',
    }.items():
        assert output_suffix(Path('some.where', name)) == suffix
