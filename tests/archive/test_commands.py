import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from long_recordings import make_recording
from squats import squat

from masa.archive import Archive
from masa.cli import main

BODY = ['--layout', 'PENN_ACTION', '--up-axis', 'y', '--frame-rate', '30']

SEARCH = ['search', 'query.npy']


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / 'mit Leerzeichen Ümläuten und 字'
    path.mkdir()
    monkeypatch.chdir(path)
    Path('recordings').mkdir()
    for i in range(3):
        recording, _ = make_recording(i, '')
        np.save(f'recordings/{i}.npy', recording['keypoint'][0])
    np.save('query.npy', squat(90))
    return path


def ingest(*arguments):
    return main(['ingest', *arguments, '--archive', 'a.db', '--workers', '1'])


def read_csv(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_from_files_to_names_and_back(folder, capsys):
    """Ingest, again, describe, search, discover, name, filter, forget."""
    Path('bad.npy').write_bytes(b'no array')
    Path('table.csv').write_text(
        'sequence,person,date\n0,Zoë,2026-01-02\n1,Bob,2026-03-04\n2,Bob,\n',
        encoding='utf-8',
    )
    given = ['recordings', 'bad.npy', *BODY, '--metadata', 'table.csv']
    assert ingest(*given) == 1
    captured = capsys.readouterr()
    assert '3 added' in captured.out
    assert 'bad.npy' in captured.err
    assert ingest(*given) == 1
    assert '0 added' in capsys.readouterr().out
    Path('copy.npy').write_bytes(Path('recordings/0.npy').read_bytes())
    assert ingest('copy.npy', *BODY) == 0
    assert 'copy as 0' in capsys.readouterr().out

    search = ['search', 'query.npy', '--archive', 'a.db', *BODY]
    outputs = ['-o', 'found.csv', '-o', 'found.html']
    assert main([*search, *outputs]) == 0
    rows = read_csv('found.csv')
    assert len(rows) == 6
    assert {row['sequence'] for row in rows} == {'0', '1', '2'}
    assert {row['person'] for row in rows} == {'Zoë', 'Bob'}
    page = Path('found.html').read_text(encoding='utf-8')
    assert 'query (reference)' in page
    filters = ['--filter', 'person=Bob', 'date>=2026-01-01']
    assert main([*search, *filters, '-o', 'bob.json']) == 0
    found = json.loads(Path('bob.json').read_text())
    assert set(found['sequence']) == {'1'}
    assert main([*search, '--second', '1.5', '-k', '2', '-o', 'm.csv']) == 0
    assert len(read_csv('m.csv')) == 2

    discover = ['discover', '--archive', 'a.db', '--smallest', '3']
    assert main([*discover, '-o', 'd.csv', '-o', 'd.html']) == 0
    rows = read_csv('d.csv')
    assert rows
    page = Path('d.html').read_text(encoding='utf-8')
    stays = json.loads(re.search('stays = (.*);', page)[1])
    assert sum(map(len, stays)) == len(rows)
    assert page.count('<input') == len(stays)
    labels = [row | {'label': 'squat'} for row in rows]
    with open('labels.csv', 'w', newline='') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(labels)
    assert ingest('--labels', 'labels.csv') == 0
    filters = ['--filter', 'activity=squat']
    assert main([*search, *filters, '--second', '1', '-o', 'n.csv']) == 0
    rows = read_csv('n.csv')
    assert rows
    assert {row['activity'] for row in rows} == {'squat'}

    assert main(['forget', '--archive', 'a.db', '--person', 'Zoë']) == 0
    assert 'Zoë'.encode() not in Path('a.db').read_bytes()
    assert main(['forget', '--archive', 'a.db', '--person', 'Zoë']) == 2


def test_two_of_one_name_are_a_problem_of_the_second(folder, capsys):
    Path('more').mkdir()
    np.save('more/0.npy', squat(60))
    assert ingest('recordings/0.npy', *BODY) == 0
    assert ingest('more/0.npy', *BODY) == 1
    assert 'recordings/0.npy' in capsys.readouterr().err


@pytest.mark.parametrize(
    'text', ['sequence\n0\n0\n', 'name\n0\n', 'sequence,date\n0,2.3.2026\n']
)
def test_tables_that_cannot_be_used(folder, capsys, text):
    Path('table.csv').write_text(text)
    assert ingest('recordings', *BODY, '--metadata', 'table.csv') == 2
    assert 'table.csv' in capsys.readouterr().err
    assert not Path('a.db').exists()


@pytest.mark.parametrize(
    'arguments',
    [
        ['ingest', '--archive', 'a.db'],
        [*SEARCH, 'other.npy', '--archive', 'a.db'],
        [*SEARCH, '--archive', 'a.db', '--frame', '1', '--mirrored'],
        [*SEARCH, 'other.npy'],
        [*SEARCH, 'other.npy', '--frame', '1', '--filter', 'person=x'],
        ['forget', '--archive', 'a.db'],
        ['discover', '--archive', 'a.db', '-o', 'd.mp4'],
    ],
)
def test_arguments_that_do_not_go_together(folder, arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


COMMAND = [
    *(sys.executable, '-m', 'masa', 'ingest', 'recordings', *BODY),
    *('--archive', 'a.db', '--workers', '1'),
]


def contents():
    with Archive('a.db') as archive:
        found = archive.sequences()
        archive.check_model()
        rows = archive.milvus.count(archive.frames, 'id != ""')
    return [(one.name, one.id) for one in found], rows


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_doubled(folder):
    """Killed ten times, sooner and later, and run to its end."""
    draw = random.Random(0)
    started = time.monotonic()
    subprocess.run(COMMAND, check=True)
    whole, lasts = contents(), time.monotonic() - started
    Path('a.db').unlink()
    for _ in range(10):
        process = subprocess.Popen(COMMAND)
        try:
            process.wait(draw.uniform(0.3, 1) * lasts)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    subprocess.run(COMMAND, check=True)
    assert contents() == whole


@pytest.mark.slow
def test_two_at_once_add_all_once(folder):
    processes = [subprocess.Popen(COMMAND) for _ in range(2)]
    assert [one.wait() for one in processes] == [0, 0]
    names, rows = contents()
    subprocess.run(COMMAND, check=True)
    assert (names, rows) == contents()
    assert [name for name, _ in names] == ['0', '1', '2']


def ray_tasks(process):
    """List the workers of a process that run a task of Ray."""
    listed = subprocess.check_output(['ps', '-eo', 'pid=,ppid=,args='])
    rows = [line.split(maxsplit=2) for line in listed.decode().splitlines()]
    parents = {int(pid): int(parent) for pid, parent, *_ in rows}

    def descends(pid):
        while pid and pid != process.pid:
            pid = parents.get(pid)
        return pid is not None and pid != 0

    tasks = [int(pid) for pid, _, *args in rows if args == ['ray::task']]
    return [pid for pid in tasks if descends(pid)]


@pytest.mark.slow
def test_a_killed_worker_of_ray_loses_nothing(folder):
    pytest.importorskip('ray', reason='needs the extra archive')
    subprocess.run(COMMAND, check=True)
    whole = contents()
    Path('a.db').unlink()
    process = subprocess.Popen([*COMMAND[:-2], '--ray', 'local'])
    killed = None
    while killed is None and process.poll() is None:
        for killed in ray_tasks(process):
            os.kill(killed, signal.SIGKILL)
        time.sleep(0.02)
    assert killed is not None
    assert process.wait() == 0
    assert contents() == whole
