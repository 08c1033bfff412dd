"""The wheel that is built of the repository, in a new environment."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import masa

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


def run(*command, **options):
    """Run a command; return what it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        # Not the modules of this checkout.
        if name != 'PYTHONPATH'
    }
    return subprocess.run(
        [*map(str, command)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        **options,
    ).stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built by the setuptools that is installed, without a network."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in ('configs', 'projects', 'tools'):
        ignored = shutil.ignore_patterns('__pycache__', '*.egg-info')
        shutil.copytree(
            ROOT / name, source / name, symlinks=True, ignore=ignored
        )
    files = ('LICENSE', 'MANIFEST.in', 'README.md', 'model-index.yml')
    for name in (*files, 'pyproject.toml', 'setup.py'):
        shutil.copy(ROOT / name, source)
    pip = (sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps')
    run(*pip, '--no-build-isolation', '-w', folder, '.', cwd=source)
    (path,) = folder.glob('*.whl')
    return path


def test_contents(wheel):
    assert masa.__version__ in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = {
            name.split('/')[0] for name in names if '.dist-info/' in name
        }
        metadata = archive.read(f'{info}/METADATA').decode()
        entry_points = archive.read(f'{info}/entry_points.txt').decode()
    assert {name.split('/')[0] for name in names} == {'masa', info}
    assert 'masa/py.typed' in names
    for suffix in ('onnx', 'safetensors'):
        assert f'masa/pretrained/body13.{suffix}' in names
    for name in ('page.html', 'player.css', 'player.html', 'player.js'):
        assert f'masa/visualization/player/{name}' in names
    assert 'masa/.mim/model-index.yml' in names
    shipped = {name for name in names if name.startswith('masa/.mim/')}
    for folder in ('configs', 'tools'):
        expected = {
            f'masa/.mim/{path.relative_to(ROOT).as_posix()}'
            for path in (ROOT / folder).rglob('*.*')
            if '__pycache__' not in path.parts
        }
        assert expected <= shipped
    assert 'masa = masa.cli:main' in entry_points
    for line in (
        f'Version: {masa.__version__}',
        'License-Expression: Apache-2.0',
        'Provides-Extra: train',
        'Project-URL: ',
        'Classifier: Typing :: Typed',
    ):
        assert line in metadata


def test_the_command_in_a_new_environment(wheel, tmp_path):
    venv.create(tmp_path / 'venv', with_pip=False)
    scripts = 'Scripts' if os.name == 'nt' else 'bin'
    python = tmp_path / 'venv' / scripts / 'python'
    pip = (sys.executable, '-m', 'pip', '--python', python, 'install')
    run(*pip, '--quiet', '--no-deps', '--no-index', wheel)
    command = python.with_name('masa')
    assert 'align' in run(command, '--help', cwd=tmp_path)
    assert run(command, '--version').split()[1] == masa.__version__
    for name in ('align', 'train', 'check', 'configs'):
        assert 'Example: ' in run(command, name, '--help', cwd=tmp_path)
    path = Path(run(command, 'configs', 'masa_demo', cwd=tmp_path).strip())
    assert path.is_file()
    assert path.is_relative_to(tmp_path.resolve())
