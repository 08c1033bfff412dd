import json
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_python import run_program
from valid_annotations import make_valid

import masa
from masa import datasets
from masa.cli import COMMANDS, Group
from masa.datasets import save_annotations

ROOT = Path(__file__).resolve().parents[1]
MASA = Path(masa.__file__).with_name('__main__.py')
HEAVY = ('torch', 'mmengine', 'mmaction', 'cv2', 'matplotlib', 'sklearn')
# Those that import MMAction2, each perhaps the first to do so.
PARTS = ('datasets', 'engine', 'evaluation', 'models')
# What training does not use, and takes long to import.
UNUSED = ('sklearn', 'masa.alignment', 'dtaidistance', 'matplotlib')
# Runs a command in an interpreter that tells at its end what it imported.
TELL = """
import atexit, json, runpy, sys
atexit.register(
    lambda: print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr)
)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def python(*arguments):
    """Run a new interpreter; what it prints is returned."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )


def modules_after(code):
    """Return the names of all modules that are imported by a program."""
    return set(
        python('-c', f'{code}\nimport sys; print(*sys.modules)').stdout.split()
    )


def modules_of_program(*command):
    """Run a program; return what it prints and the modules that it imports."""
    done = python('-c', TELL, *command)
    *told, modules = done.stderr.splitlines()
    return done.stdout + '\n'.join(told), set(json.loads(modules))


def command_lines(commands, *words):
    """List the words of every command and group of commands."""
    for name, command in commands.items():
        yield (*words, name)
        if isinstance(command, Group):
            yield from command_lines(command.commands, *words, name)


@pytest.mark.parametrize(
    'words',
    [
        *([program] for program in sorted((ROOT / 'tools').glob('*.py'))),
        *((MASA, *words) for words in [(), *command_lines(COMMANDS)]),
    ],
    ids=lambda words: '-'.join([words[0].parent.name, *words[1:]]),
)
def test_help_waits_for_nothing(words):
    printed, modules = modules_of_program(*words, '--help')
    assert printed.startswith('usage: ')
    assert not modules & {*HEAVY, 'numpy', 'scipy', 'matplotlib', 'rich'}
    if words == (MASA,):
        assert not any(name.startswith('masa.commands.') for name in modules)


def test_files_are_checked_without_pytorch(valid_file):
    printed, modules = modules_of_program(MASA, 'check', valid_file)
    assert 'no problems' in printed
    assert 'arning' not in printed
    assert not modules & set(HEAVY)


@pytest.fixture
def valid_file(tmp_path):
    path = tmp_path / 'valid.pkl'
    save_annotations(make_valid(), path)
    return path


@pytest.mark.parametrize(
    'code',
    [
        'import masa',
        'import masa.alignment',
        'import masa.support.command_line',
        'import masa.evaluation.functional',
        'import masa.apis; masa.apis.AlignmentInferencer',
        'import masa.apis.exported_model, masa.extraction.pose_run',
        'import masa.visualization; masa.visualization.write_video',
        *(
            f'import masa.writers.{name}'
            for name in ('cvat', 'joints_table', 'key_frames', 'tracks')
        ),
        'from masa.datasets import load_annotations, check_annotations',
        'from masa.datasets.skeletons import COCO_17',
        'from masa.evaluation import SequenceCollection, format_table',
        *(
            f'import masa.datasets.{name}'
            for name in ('h2o', 'ikea_asm', 'key_events', 'penn_action')
        ),
        *(
            f'import masa.datasets.{name}'
            for name in ('utd_mhad', 'conversion')
        ),
    ],
)
def test_files_and_metrics_need_no_pytorch(code):
    assert not modules_after(code) & set(HEAVY)


@pytest.mark.parametrize('name', PARTS)
def test_any_part_may_be_imported_first(name):
    code = (
        'import masa\n'
        f'first = masa.{name}\n'
        'for name in first.__all__: getattr(first, name)\n'
        # What is broken upstream is repaired by now.
        'import mmaction.models\n'
    )
    done = run_program(code)
    assert done.returncode == 0, done.stderr
    assert 'arning' not in done.stderr


def test_a_name_that_is_not_there():
    for package in (masa, datasets):
        with pytest.raises(AttributeError, match=package.__name__):
            _ = package.nothing_of_the_kind
        assert set(package.__all__) <= set(dir(package))


def test_a_config_registers_what_it_names():
    config = ROOT / 'configs' / 'masa_demo.py'
    code = (
        'from mmengine.config import Config\n'
        'from mmengine.registry import init_default_scope\n'
        f'config = Config.fromfile({str(config)!r})\n'
        'from mmaction.registry import DATASETS, MODELS\n'
        'init_default_scope("mmaction")\n'
        'print(type(MODELS.build(config.model)).__name__)\n'
        'assert DATASETS.get("SyntheticSequenceDataset")\n'
    )
    done = run_program(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == 'SequenceAligner'
    assert 'arning' not in done.stdout + done.stderr


def test_training_does_not_wait_for_what_it_does_not_use():
    done = python(
        '-W',
        'ignore',
        '-c',
        'import gc, sys; before = gc.isenabled(), gc.get_freeze_count()\n'
        'import masa.registration, mmengine.runner\n'
        # Importing a library changes nothing of the process.
        'assert (gc.isenabled(), gc.get_freeze_count()) == before\n'
        'print(*sys.modules)',
    )
    loaded = done.stdout.split()
    assert 'masa.evaluation.functional' in loaded
    assert [name for name in UNUSED if name in loaded] == []
