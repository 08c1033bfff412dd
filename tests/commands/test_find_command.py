import csv
import json
from pathlib import Path

import numpy as np
import pytest
import srt
from PIL import Image
from squats import RATE, record, squat, training, turned

import masa
from masa.cli import main
from masa.commands.found_picture import _choose_view, _show
from masa.extraction.limits import DEFAULT_LIMITS


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save('one.npy', squat(60))
    joints, places = training(50, 80)
    np.save('many.npy', joints)
    return places


BODY = ['--layout', 'PENN_ACTION', '--up-axis', 'y', '--frame-rate', '30']


def test_tables_and_a_picture(files, capsys):
    outputs = ['found.csv', 'found.json', 'found.png']
    arguments = [word for name in outputs for word in ('-o', name)]
    assert main(['find', 'one.npy', 'many.npy', *BODY, *arguments]) == 0
    assert 'many: 2 found' in capsys.readouterr().out
    with open('found.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row, (start, end) in zip(rows, files, strict=True):
        first, last = int(row['first frame']), int(row['last frame'])
        assert min(last + 1, end) - max(first, start) > 0.6 * (end - start)
        assert float(row['start [s]']) == pytest.approx(first / 30, abs=1e-3)
        assert row['reference'] == 'one'
    with open('found.json') as file:
        assert json.load(file)['first frame'] == [
            int(row['first frame']) for row in rows
        ]
    # A row for the reference and one for each that was found.
    assert Image.open('found.png').size[1] % 3 == 0


def test_bodies_in_3d_are_shown_from_one_side():
    """Whichever way they face, from where the reference moves most."""
    model = masa.load(frame_rate=RATE)
    one, other = model.embed(
        [record(squat(60), 'one'), record(turned(squat(60), 70), 'other')]
    )
    view = _choose_view(one)
    assert view == 90
    frames = np.array([0, 20, 30])
    shown = [_show(s, frames, view, DEFAULT_LIMITS) for s in (one, other)]
    np.testing.assert_array_equal(*shown)
    (flat,) = model.embed(record(squat(60)[..., :2] * [1, -1], 'flat'))
    assert _choose_view(flat) is None
    plain = [_show(s, frames, None, DEFAULT_LIMITS) for s in (one, flat)]
    np.testing.assert_array_equal(*plain)


def test_nothing_found_is_said(files, capsys):
    # The recording begins with a pause.
    np.save('still.npy', np.load('many.npy')[:35])
    assert main(['find', 'one.npy', 'still.npy', *BODY, '-o', 'f.csv']) == 0
    assert 'still: 0 found' in capsys.readouterr().out
    with open('f.csv') as file:
        assert len(file.readlines()) == 1


def test_files_for_other_programs(files):
    tracks = ['f.srt', 'f.vtt', 'f.eaf', 'f.labelstudio.json']
    outputs = ['f.json', *tracks, 'frames', 'frames.zip']
    arguments = [word for name in outputs for word in ('-o', name)]
    assert main(['find', 'one.npy', 'many.npy', *BODY, *arguments]) == 0
    found = json.loads(Path('f.json').read_text())
    cues = list(srt.parse(Path('f.srt').read_text()))
    starts = [one.start.total_seconds() for one in cues]
    assert starts == pytest.approx(found['start [s]'], abs=1e-3)
    ends = [one.end.total_seconds() for one in cues]
    # The last frame is shown for a thirtieth of a second.
    assert np.array(ends) - 1 / 30 == pytest.approx(found['end [s]'], abs=2e-3)
    assert all('one' in cue.content for cue in cues)
    assert len(list(Path('frames').glob('*.png'))) == 3 * len(cues)
    with pytest.raises(SystemExit):
        main(['find', 'one.npy', 'many.npy', *BODY, '-o', 'frames'])
    # There is no video.
    assert (
        main(['find', 'one.npy', 'many.npy', *BODY, '-o', 'f.cvat.xml']) == 2
    )


def test_align_prints_which_share_is_matched(files, capsys):
    np.save('half.npy', squat(60)[30:])
    partial = ['align', 'one.npy', 'half.npy', *BODY, '--method', 'partial']
    assert main([*partial, '-o', 'a.json']) == 0
    found = json.loads(Path('a.json').read_text())['frames']
    capsys.readouterr()
    before = set(Path().iterdir())
    assert main(partial) == 0
    assert set(Path().iterdir()) == before
    printed = capsys.readouterr().out.splitlines()
    for name, frames in found.items():
        share = sum(frame is not None for frame in frames) / len(frames)
        (row,) = [line for line in printed if name in line]
        assert f'{share:.0%}' in row
    assert None in found['half']


def test_repetitions_are_compared(files, capsys):
    command = ['compare', 'one.npy', 'many.npy', '--repetitions', *BODY]
    outputs = ['-o', 'r.html', '-o', 'r.json', '-o', 'r.srt']
    assert main([*command, *outputs]) == 0
    assert 'repetition 2 of 2' in capsys.readouterr().out
    with open('r.json') as file:
        found = json.load(file)
    assert len(found) == 2
    for cue, one in zip(
        srt.parse(Path('r.srt').read_text()), found, strict=True
    ):
        assert f'{one["score"]:.2f}' in cue.content
        start = one['first_frame'] / 30
        assert cue.start.total_seconds() == pytest.approx(start, abs=1e-3)
        end = start + one['frames'] / 30
        assert cue.end.total_seconds() == pytest.approx(end, abs=2e-3)


@pytest.mark.parametrize(
    'arguments',
    [
        ['find', 'many.npy'],
        ['find', 'one.npy', 'many.npy', '--tolerance', '0'],
        ['find', 'one.npy', 'many.npy', '-o', 'found.txt'],
        ['compare', 'one.npy', 'many.npy', '--tolerance', '1', '-o', 'r.html'],
        ['compare', 'one.npy', 'many.npy', '-o', 'r.srt'],
        # Ends in .json, and is not the plain table.
        ['anomaly', 'one.npy', 'many.npy', '-o', 'a.labelstudio.json'],
    ],
)
def test_wrong_arguments(files, arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, *BODY])
    assert stopped.value.code == 2


def test_existing_file_is_kept(files):
    open('found.csv', 'w').close()
    with pytest.raises(SystemExit):
        main(['find', 'one.npy', 'many.npy', *BODY, '-o', 'found.csv'])
