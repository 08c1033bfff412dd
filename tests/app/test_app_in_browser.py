"""The page of masa app, used by clicks."""

import json
import os
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from headless_browser import MARKS, launched
from squats import squat, training

uvicorn = pytest.importorskip('uvicorn', reason='needs the extra "app"')
server = pytest.importorskip('masa.app.server')
pytestmark = MARKS
# Of a job, in milliseconds.
PATIENCE = 120_000


@pytest.fixture
def address(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-m', 'masa', 'app', '--no-browser'],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | dict(TMPDIR=str(tmp_path)),
    )
    yield process.stdout.readline().rstrip('\n')
    process.terminate()
    process.communicate(timeout=60)


@pytest.fixture
def endless(tmp_path, monkeypatch, request):
    """The address of a page whose jobs tell progress and never end."""
    told = json.dumps(dict(frames=getattr(request, 'param', 3), total=9))
    code = f'import sys, time; print({told!r}, '
    code += 'file=sys.stderr, flush=True); time.sleep(600)'
    monkeypatch.setattr(
        'masa.app.jobs.subprocess',
        SimpleNamespace(
            PIPE=subprocess.PIPE,
            Popen=lambda words, **options: subprocess.Popen(
                [sys.executable, '-c', code], **options
            ),
        ),
    )
    folder = tmp_path / 'server'
    folder.mkdir()
    app = server.make_app('secret', folder, 10**6)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        one = uvicorn.Server(uvicorn.Config(app, log_level='warning'))
        thread = threading.Thread(target=one.run, args=([listener],))
        listener.listen()
        thread.start()
        yield f'http://127.0.0.1:{listener.getsockname()[1]}/secret/'
        one.should_exit = True
        thread.join()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / 'files'
    folder.mkdir()
    np.save(folder / 'good.npy', squat(40))
    np.save(folder / 'other.npy', squat(50))
    np.save(folder / 'training.npy', training(40, 45)[0])
    (folder / 'notes.txt').write_text('no poses')
    return folder


def names_in(page, role):
    items = page.locator(f'[data-role={role}] .files li')
    return [text.rstrip('\u00d7') for text in items.all_text_contents()]


def overflows(frame):
    """Whether a frame scrolls, after it had time to tell its height."""
    frame.locator('body').evaluate(
        """() => new Promise((done) => setTimeout(done, 500))"""
    )
    return frame.locator('html').evaluate(
        'one => one.scrollHeight > innerHeight'
    )


@pytest.mark.parametrize('width', [390, 1200])
def test_the_page(address, files, width):
    requests, wrong = [], []
    with launched() as browser:
        page = browser.new_page(viewport=dict(width=width, height=800))
        page.on('request', lambda request: requests.append(request.url))
        page.on('pageerror', lambda error: wrong.append(str(error)))
        page.on('console', lambda message: wrong.append(message.text))
        page.goto(address)
        references = page.locator('[data-role=references] input')
        last = page.locator('[data-role=last] input')
        assert not page.locator('[data-role=last]').is_visible()
        assert page.locator('#run').is_disabled()
        references.set_input_files([files / 'good.npy', files / 'other.npy'])
        page.click('summary >> text=motion files')
        page.select_option('[name=layout]', 'PENN_ACTION')
        page.select_option('[name=up-axis]', 'y')
        page.fill('[name=frame-rate]', '20')
        page.click('#run:not([disabled])')
        page.wait_for_selector('#downloads a', timeout=PATIENCE)
        assert not page.locator('#warned').is_visible()
        assert not page.locator('#said').is_visible()
        assert 'Save align.csv' in page.inner_text('#downloads')
        shown = page.frame_locator('#shown')
        shown.locator('.panel').nth(1).wait_for()
        assert shown.locator('.panel').count() == 2
        scrolls = 'document.documentElement.scrollWidth'
        assert page.evaluate(scrolls) <= width
        # All of it shows, at once and when it grows.
        assert not overflows(shown)
        shown.locator('body').evaluate('one => one.append("x ".repeat(9999))')
        assert not overflows(shown)
        # The reference stays, and the other file goes.
        page.click('text=Find and count')
        assert not page.locator('#result').is_visible()
        page.click('[aria-label="Remove other.npy"]')
        last.set_input_files(files / 'training.npy')
        page.click('#run:not([disabled])')
        page.wait_for_selector('text=Save find.csv', timeout=PATIENCE)
        assert shown.locator('.panel').count() == 3
        page.reload()
        page.wait_for_selector('text=Save find.csv')
        shown.locator('.panel').nth(2).wait_for()
        assert names_in(page, 'references') == ['good.npy']
        assert names_in(page, 'last') == ['training.npy']
        page.click('[data-task=align]')
        assert not page.locator('#result').is_visible()
        assert names_in(page, 'references') == ['good.npy', 'training.npy']
        page.click('text=Find and count')
        # A file that is refused is told at once.
        assert not wrong
        last.set_input_files(files / 'notes.txt')
        page.wait_for_selector('.wrong')
        assert 'notes.txt' in page.inner_text('.wrong')
        assert page.locator('#run').is_disabled()
        # The browser itself tells of the answer.
        assert all('415' in text for text in wrong)
        page.click('summary >> text=motion files')
        page.fill('[name=frame-rate]', '20')
        page.check('[name=mirrored]')
        page.click('#forget')
        page.wait_for_selector('.files li', state='detached')
        assert page.input_value('[name=frame-rate]') == ''
        assert not page.is_checked('[name=mirrored]')
    assert all(url.startswith((address, 'data:')) for url in requests)


@pytest.mark.parametrize('width', [390, 1200])
def test_a_message_that_names_a_field(address, files, width):
    with launched() as browser:
        page = browser.new_page(viewport=dict(width=width, height=800))
        page.goto(address)
        page.locator('[data-role=references] input').set_input_files(
            [files / 'good.npy', files / 'other.npy']
        )
        page.click('#run:not([disabled])')
        page.wait_for_selector('#warned', timeout=PATIENCE)
        warned = page.inner_text('#warned')
        assert 'good' in warned
        assert '--up-axis is' in warned.splitlines()[-1]
        assert 'Which way is up in 3D' in warned.splitlines()[-1]
        assert page.locator('[name=up-axis]').is_visible()
        scrolls = 'document.documentElement.scrollWidth'
        assert page.evaluate(scrolls) <= width


@pytest.mark.parametrize('endless', [0], indirect=True)
def test_the_model_is_loaded_before_the_first_frame(endless, files):
    with launched() as browser:
        page = browser.new_page()
        page.goto(endless)
        page.locator('[data-role=references] input').set_input_files(
            [files / 'good.npy', files / 'other.npy']
        )
        page.click('#run:not([disabled])')
        page.wait_for_selector('#doing >> text=model')
        assert page.locator('#bar').get_attribute('value') is None


def test_a_running_job_in_other_tabs(endless, files):
    with launched() as browser:
        context = browser.new_context()
        first, second = context.new_page(), context.new_page()
        first.goto(endless)
        first.locator('[data-role=references] input').set_input_files(
            [files / 'good.npy', files / 'other.npy']
        )
        first.wait_for_selector('#run:not([disabled])')
        second.goto(endless)
        second.wait_for_selector('#run:not([disabled])')
        first.click('#run')
        first.wait_for_selector('text=3 of 9')
        # The second page did not know of it.
        second.click('#run')
        first.reload()
        for page in (first, second):
            page.wait_for_selector('text=3 of 9')
            assert page.locator('#run').is_disabled()
            assert names_in(page, 'references') == ['good.npy', 'other.npy']
        second.click('#stop')
        for page in (first, second):
            page.wait_for_selector('#warned >> text=Stopped')
            assert page.locator('#run').is_enabled()
            assert not page.locator('#stop').is_visible()
