import subprocess
import sys

# What training does not use, and takes long to import.
UNUSED = ('sklearn', 'masa.alignment', 'masa.visualization', 'dtaidistance')


def test_training_does_not_wait_for_what_it_does_not_use():
    done = subprocess.run(
        [
            *(sys.executable, '-W', 'ignore', '-c'),
            'import sys, masa, mmengine.runner; print(*sys.modules)',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert 'masa.evaluation.functional' in loaded
    assert [name for name in UNUSED if name in loaded] == []
