from pathlib import Path

import pytest
from fresh_python import run_program
from tiny_demo import masa_command

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_annotation_file_is_the_last_of_a_few_lines(tmp_path):
    command = [
        str(ROOT / 'tools' / 'train.py'),
        str(ROOT / 'configs' / 'masa_penn_pose2d.py'),
        *('--work-dir', str(tmp_path / 'work')),
    ]
    done = run_program(
        'import os, runpy, sys\n'
        # Without the data.
        f'os.chdir({str(tmp_path)!r})\n'
        f'sys.argv = {command!r}\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    assert done.returncode == 2
    errors = done.stderr.splitlines()
    assert len(errors + done.stdout.splitlines()) <= 10
    assert errors[-1].startswith('error: ')
    assert 'data/penn_action.pkl' in errors[-1]
    assert 'warning' not in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('none.py', None),
        ('data.pkl', ''),
        ('folder', None),
        ('broken.py', 'model = dict('),
        ('orphan.py', "_base_ = ['none.py']"),
    ],
)
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_what_is_no_config_is_told_in_a_line(
    tool, name, text, tmp_path, capsys
):
    path = tmp_path / name
    if name == 'folder':
        path.mkdir()
    elif text is not None:
        path.write_text(text)
    arguments = [str(path)]
    if tool == 'test':
        (tmp_path / 'any.pth').touch()
        arguments.append(str(tmp_path / 'any.pth'))
    assert masa_command(tool)(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
