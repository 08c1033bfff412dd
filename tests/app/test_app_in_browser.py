"""The page of masa app, used by clicks."""

import os
import subprocess
import sys

import numpy as np
import pytest
from headless_browser import MARKS, launched
from squats import squat, training

pytest.importorskip('uvicorn', reason='needs the extra "app"')
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
def files(tmp_path):
    folder = tmp_path / 'files'
    folder.mkdir()
    np.save(folder / 'good.npy', squat(40))
    np.save(folder / 'other.npy', squat(50))
    np.save(folder / 'training.npy', training(40, 45)[0])
    (folder / 'notes.txt').write_text('no poses')
    return folder


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
        assert 'Save align.csv' in page.inner_text('#downloads')
        shown = page.frame_locator('#shown')
        shown.locator('.panel').nth(1).wait_for()
        assert shown.locator('.panel').count() == 2
        scrolls = 'document.documentElement.scrollWidth'
        assert page.evaluate(scrolls) <= width
        # The reference stays, and the other file goes.
        page.click('text=Find and count')
        page.click('[aria-label="Remove other.npy"]')
        last.set_input_files(files / 'training.npy')
        page.click('#run:not([disabled])')
        page.wait_for_selector('text=Save find.csv', timeout=PATIENCE)
        assert shown.locator('.panel').count() == 3
        # A file that is refused is told at once.
        assert not wrong
        last.set_input_files(files / 'notes.txt')
        page.wait_for_selector('.wrong')
        assert 'notes.txt' in page.inner_text('.wrong')
        assert page.locator('#run').is_disabled()
        # The browser itself tells of the answer.
        assert all('415' in text for text in wrong)
        page.click('#forget')
        page.wait_for_selector('.files li', state='detached')
    assert all(url.startswith((address, 'data:')) for url in requests)
