"""A release has one version: of its tag, its wheel and its changelog."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / '.ci' / 'release_notes'
CHANGELOG = """# Changelog

## [0.2.0] - unreleased

- Coming.

## [0.1.0] - 2026-12-01

- First.

## [0.0.1] - 2026-11-01

- Older.
"""

pytestmark = pytest.mark.skipif(
    shutil.which('bash') is None, reason='needs bash'
)


@pytest.fixture
def notes(tmp_path):
    (tmp_path / '.ci').mkdir()
    shutil.copy(SCRIPT, tmp_path / '.ci')
    (tmp_path / 'CHANGELOG.md').write_text(CHANGELOG)

    def run(tag, version):
        wheel = f'dist/masa_mmaction2-{version}-py3-none-any.whl'
        return subprocess.run(
            ['bash', '.ci/release_notes', tag, wheel],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


def test_section(notes):
    result = notes('v0.1.0', '0.1.0')
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == '- First.'


@pytest.mark.parametrize(
    ('tag', 'version', 'named'),
    [
        ('0.1.0', '0.1.0', '0.1.0'),
        ('v0.1.0', '0.1.1', '0.1.1'),
        ('v0.2.0', '0.2.0', '[0.2.0]'),
        ('v0.3.0', '0.3.0', '[0.3.0]'),
    ],
    ids=['no v', 'another wheel', 'no date', 'no section'],
)
def test_refused(notes, tag, version, named):
    result = notes(tag, version)
    assert result.returncode != 0
    assert not result.stdout
    assert named in result.stderr
