import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_annotation_file_is_the_last_of_a_few_lines(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / 'tools' / 'train.py')),
            str(ROOT / 'configs' / 'masa_penn_pose2d.py'),
            *('--work-dir', str(tmp_path / 'work')),
        ],
        # Without the data.
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert len(lines) <= 10
    assert lines[-1].startswith('error: ')
    assert 'data/penn_action.pkl' in lines[-1]
    assert 'warning' not in done.stdout.lower()
