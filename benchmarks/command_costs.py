"""CPU seconds and memory of commands, beside those of Python and PyTorch.

    python benchmarks/command_costs.py [FILE.pkl] [--models MODEL ...]

Each command runs in a process of its own, after one run that is not counted;
the least of several is printed. FILE.pkl is an annotation file of skeletons
for masa check, and for masa align its first two sequences as .npy files, with
every MODEL: a work directory or an exported one.
The last lines are of a training of the demo up to its first iteration, without
the processes that load the data: what it takes beyond importing PyTorch and
MMEngine's runner, where the modules of both are in the page cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FLOORS = {
    'python': 'pass',
    'import numpy': 'import numpy',
    'import torch': 'import torch',
    "import torch and mmengine's runner": 'import torch, mmengine.runner',
}
# Ends the process when the first iteration has ended.
FIRST_ITERATION = """
import os, sys
from mmengine.runner import Runner
from masa.cli import main
call_hook = Runner.call_hook
def call_hook_until(runner, name, **kwargs):
    call_hook(runner, name, **kwargs)
    if name == 'after_train_iter':
        os._exit(0)
Runner.call_hook = call_hook_until
sys.exit(main(sys.argv[1:]))
"""

WRITE_ARRAYS = """
import sys
import numpy as np
from masa.datasets.records import read_records
path, *files = sys.argv[1:]
for file, record in zip(files, read_records(path)):
    np.save(file, record['keypoint'])
"""


def measure(command: list[str], repeats: int) -> tuple[float, float]:
    """Run a command several times.

    Args:
        command (list[str]): The command.
        repeats (int): How often it is run, after one run.

    Returns:
        tuple[float, float]: The least CPU seconds, user and system, and the
        least maximal resident memory in MiB.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    seconds, memory = [], []
    for _ in range(repeats + 1):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        # Popen must not wait for it again.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        seconds.append(usage.ru_utime + usage.ru_stime)
        memory.append(usage.ru_maxrss / 1024)
    return min(seconds[1:]), min(memory[1:])


def write_arrays(path: str, folder: Path) -> list[str]:
    """Write the joints of the first two sequences of a file as arrays.

    Args:
        path (str): The annotation file.
        folder (Path): Where to write them.

    Returns:
        list[str]: The two files.
    """
    files = [str(folder / name) for name in ('a.npy', 'b.npy')]
    # In another process: the memory of this one counts as its children's.
    command = [sys.executable, '-c', WRITE_ARRAYS, path, *files]
    subprocess.run(command, check=True)
    return files


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('file', nargs='?', help='annotation file')
    parser.add_argument('--models', nargs='*', default=[])
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    masa = [sys.executable, '-W', 'ignore', '-m', 'masa']
    commands = {
        name: [sys.executable, '-c', code] for name, code in FLOORS.items()
    }
    commands['masa --help'] = [*masa, '--help']
    from masa.cli import COMMANDS

    for name in COMMANDS:
        commands[f'masa {name} --help'] = [*masa, name, '--help']
    if args.file:
        commands['masa check FILE'] = [*masa, 'check', args.file]
    print(f'{"":52}{"CPU, s":>8}{"MiB":>8}')
    with tempfile.TemporaryDirectory() as folder:
        arrays = write_arrays(args.file, Path(folder)) if args.models else []
        for model in args.models:
            commands[f'masa align a.npy b.npy --model {Path(model).name}'] = [
                *(*masa, 'align', *arrays, '--model', model, '--overwrite'),
                *('-o', str(Path(folder, 'aligned.csv'))),
            ]
        commands['masa train masa_demo, one iteration'] = [
            *(sys.executable, '-W', 'ignore', '-c', FIRST_ITERATION),
            *('train', 'masa_demo', '--work-dir', str(Path(folder, 'work'))),
        ]
        for name, command in commands.items():
            seconds, memory = measure(command, args.repeats)
            print(f'{name:52}{seconds:8.2f}{memory:8.0f}', flush=True)


if __name__ == '__main__':
    main()
