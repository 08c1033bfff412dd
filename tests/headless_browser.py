"""A headless browser: Debian's chromium, driven by playwright."""

import shutil
from contextlib import contextmanager

import pytest

sync_api = pytest.importorskip(
    'playwright.sync_api', reason='needs playwright, of the extra "tests"'
)
CHROMIUM = shutil.which('chromium')
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason='needs chromium on the path'),
]
_OPTIONS = (
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'),
    *('--no-first-run', '--disable-background-networking'),
    *('--disable-component-update', '--disable-sync'),
)


@contextmanager
def launched():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_OPTIONS)
        )
        yield browser
        browser.close()
