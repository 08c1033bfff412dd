import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from squats import squat

from masa.app.jobs import Job
from masa.commands import compare

testclient = pytest.importorskip(
    'starlette.testclient', reason='needs the extra "app"'
)
server = pytest.importorskip('masa.app.server')

TOKEN = 'secret'
HOST = 'http://127.0.0.1'
AT = f'/{TOKEN}'


@pytest.fixture
def client(tmp_path):
    app = server.make_app(TOKEN, tmp_path, max_bytes=100_000)
    with testclient.TestClient(app, HOST) as client:
        yield client


def put(client, name, content=b'x'):
    return client.put(f'{AT}/files/{name}', content=content)


def wait_for(client, number, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = client.get(f'{AT}/jobs/{number}').json()
        if status['state'] != 'running':
            return status
        time.sleep(0.1)
    raise AssertionError('the job does not end')


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_two_recordings_are_aligned(client, tmp_path):
    for name, frames in (('a.npy', 40), ('-b.npy', 50)):
        answer = put(client, name, npy(squat(frames)))
        assert answer.json() == {'name': name}
    asked = dict(
        command='align',
        inputs=['a.npy', '-b.npy'],
        options={
            'frame-rate': 20,
            'layout': 'PENN_ACTION',
            'up-axis': 'y',
        },
    )
    answer = client.post(f'{AT}/jobs', json=asked)
    assert answer.json() == {'job': 0}
    # One at a time.
    assert client.post(f'{AT}/jobs', json=asked).status_code == 409
    status = wait_for(client, 0)
    assert status['state'] == 'done', status
    formats = 'html', 'mp4', 'csv', 'json'
    assert status['outputs'] == [f'align.{end}' for end in formats]
    page = client.get(f'{AT}/jobs/0/align.html')
    assert page.headers['content-type'].startswith('text/html')
    assert '-b' in page.text
    table = client.get(f'{AT}/jobs/0/align.json').json()
    assert set(table['frames']) == {'a', '-b'}
    assert client.get(f'{AT}/jobs/0/../inputs/a.npy').status_code == 404
    assert client.delete(f'{AT}/files').status_code == 200
    assert client.get(f'{AT}/jobs/0').status_code == 404
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_what_fails_says_why(client):
    put(client, 'a.npy', npy(squat(40)))
    put(client, 'b.npy', npy(np.zeros((5, 4))))
    asked = dict(command='align', inputs=['a.npy', 'b.npy'])
    client.post(f'{AT}/jobs', json=asked)
    status = wait_for(client, 0)
    assert status['state'] == 'failed'
    assert 'b.npy' in ' '.join(status['warned'])
    assert status['said'] == []
    assert status['outputs'] == []


def test_a_job_that_is_stopped(client, tmp_path, monkeypatch):
    # A command that goes on for ever, with a process of its own.
    code = 'import subprocess, sys; subprocess.run([sys.executable, "-c", '
    code += '"import time; time.sleep(600)"])'
    start = subprocess.Popen
    monkeypatch.setattr(
        'masa.app.jobs.subprocess.Popen',
        lambda words, **options: start(
            [sys.executable, '-c', code], **options
        ),
    )
    job = Job('align', tmp_path / 'inputs', tmp_path / 'results')
    job.start([], [], tmp_path)
    job.stop()
    assert job.status() == dict(
        state='stopped', frames=0, total=0, said=[], warned=[], outputs=[]
    )


def test_progress_is_passed_on(tmp_path, monkeypatch):
    code = 'import sys; print("table"); print("warning", file=sys.stderr); '
    code += 'print(\'{"frames": 3, "total": 9}\', file=sys.stderr)'
    start = subprocess.Popen
    monkeypatch.setattr(
        'masa.app.jobs.subprocess.Popen',
        lambda words, **options: start(
            [sys.executable, '-c', code], **options
        ),
    )
    (tmp_path / 'inputs').mkdir()
    job = Job('find', tmp_path / 'inputs', tmp_path / 'results')
    job.start([], [], tmp_path)
    while job.state == 'running':
        time.sleep(0.05)
    status = job.status()
    assert (status['frames'], status['total']) == (3, 9)
    assert (status['said'], status['warned']) == (['table'], ['warning'])


@pytest.mark.parametrize('options', [[], ['--repetitions']])
def test_outputs_of_a_comparison_fit_its_options(
    tmp_path, monkeypatch, options
):
    """The command accepts what the page asks for."""
    asked = []
    start = subprocess.Popen

    def popen(words, **others):
        asked.extend(words[3:])
        return start([sys.executable, '-c', ''], **others)

    monkeypatch.setattr('masa.app.jobs.subprocess.Popen', popen)
    (tmp_path / 'inputs').mkdir()
    job = Job('compare', tmp_path / 'inputs', tmp_path / 'results')
    job.start(['a.npy', 'b.npy'], options, tmp_path)
    job.stop()
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    args = parser.parse_args(asked[1:])
    compare.check_arguments(parser, args)
    suffixes = {path.suffix for path in args.output}
    assert suffixes == {'.html', '.json'} | ({'.csv'} if options else set())


def test_names_of_files_stay_apart_and_inside(client, tmp_path):
    names = ['a.mp4', 'A.MOV', '..%2F..%2Fb.mp4', 'a.mp4', '%3Cb%3E.mp4']
    stored = [put(client, name).json()['name'] for name in names]
    assert stored == [
        *('a.mp4', 'A (2).mov', 'b.mp4', 'a (3).mp4', '%3Cb%3E.mp4'),
    ]
    found = {path.name for path in (tmp_path / 'inputs').iterdir()}
    assert found == set(stored)
    assert client.delete(f'{AT}/files/a.mp4').status_code == 200
    assert client.delete(f'{AT}/files/a.mp4').status_code == 404
    assert put(client, 'a.mp4').json()['name'] == 'a.mp4'


def test_the_state_tells_files_and_the_last_job(client):
    assert client.get(f'{AT}/state').json() == dict(files=[], job=None)
    for name in ('a.npy?role=references', 'b.npy?role=last', 'c.npy'):
        assert put(client, name).status_code == 200
    assert put(client, 'd.npy?role=other').status_code == 400
    client.delete(f'{AT}/files/c.npy')
    for number, command in enumerate(('align', 'find')):
        asked = dict(command=command, inputs=['a.npy', 'b.npy'])
        client.post(f'{AT}/jobs', json=asked)
        wait_for(client, number)
    assert client.get(f'{AT}/state').json() == dict(
        files=[
            dict(name='a.npy', role='references'),
            dict(name='b.npy', role='last'),
        ],
        job=dict(number=1, command='find'),
    )
    client.delete(f'{AT}/files')
    assert client.get(f'{AT}/state').json() == dict(files=[], job=None)


def test_files_that_are_refused(client, tmp_path):
    answer = put(client, 'a.exe')
    assert answer.status_code == 415
    assert 'a.exe' in answer.json()['error']
    assert put(client, 'a.mp4', b'x' * 60_000).status_code == 200
    assert put(client, 'b.mp4', b'x' * 60_000).status_code == 413
    # What is not kept does not count.
    assert put(client, 'c.mp4', b'x' * 30_000).status_code == 200
    names = {path.name for path in (tmp_path / 'inputs').iterdir()}
    assert names == {'a.mp4', 'c.mp4'}


@pytest.mark.parametrize(
    'asked',
    [
        [],
        dict(command='train', inputs=['a.mp4']),
        dict(command='align', inputs=['/etc/passwd']),
        dict(command='align', inputs='a.mp4'),
        dict(command='align', inputs=['a.mp4'], options={'model': 'x.py'}),
        dict(command='align', inputs=['a.mp4'], options={'layout': '--x'}),
        dict(command='align', inputs=['a.mp4'], options={'mirrored': True}),
        dict(command='align', inputs=['a.mp4'], options={'frame-rate': 'x'}),
    ],
)
def test_jobs_that_are_refused(client, asked):
    put(client, 'a.mp4')
    answer = client.post(f'{AT}/jobs', json=asked)
    assert answer.status_code == 400
    assert answer.json()['error']


def test_only_whoever_knows_the_address_is_answered(tmp_path):
    app = server.make_app(TOKEN, tmp_path, 1000)
    with testclient.TestClient(app, HOST) as client:
        for path in ('/', '/other/', '/other/about'):
            assert client.get(path).status_code == 404
        page = client.get(f'{AT}/')
        assert page.status_code == 200
        policy = page.headers['content-security-policy']
        assert "default-src 'self'" in policy
        assert 'http' not in policy
        # The page names nothing that is elsewhere.
        texts = [page.text]
        for name in re.findall(r'(?:href|src)="([\w.]+)"', page.text):
            texts.append(client.get(f'{AT}/{name}').text)
        assert len(texts) == 3
        assert not any('http' in text for text in texts)
        # A foreign name that leads to this machine.
        answer = client.get(f'{AT}/', headers={'Host': 'example.com'})
        assert answer.status_code == 400


def test_the_command_serves_the_page_and_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-m', 'masa', 'app', '--no-browser'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict(TMPDIR=str(tmp_path)),
    )
    address = process.stdout.readline().rstrip('\n')
    assert re.fullmatch(r'http://127\.0\.0\.1:\d+/[\w-]{20,}/', address)
    for _ in range(300):
        try:
            with urllib.request.urlopen(address + 'about') as answer:
                about = json.load(answer)
            break
        except urllib.error.URLError:
            time.sleep(0.1)
    assert '.mp4' in about['accepted']
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert list(tmp_path.iterdir()) == []
