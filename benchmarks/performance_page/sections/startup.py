import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from masa.visualization.style import COLOURS, new_figure, styled

from ..section import Expectation, Section, Settings, table, three_digits
from ..training_processes import penn_options, run_training, write_sequences

DEMO, PENN = 'masa_demo', 'masa_penn_pose2d'
# What every training of MMAction2 imports and makes.
FLOOR = (
    'import torch, mmengine.runner, mmaction.datasets; '
    'torch.optim.Adam([torch.zeros(1, requires_grad=True)])'
)
_IMPORT = re.compile(r'import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)')


def measure(settings: Settings, sequences: int, repeats: int) -> dict:
    """Take the time from the start of the process to the first iteration.

    Args:
        settings (Settings): Threads.
        sequences (int): Of the file like Penn Action's.
        repeats (int): Median of so many starts, after one that warms the
            disk.

    Returns:
        dict: The result.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = write_sequences(Path(folder), sequences)
        runs = {
            DEMO: dict(options=[], validate=True),
            PENN: dict(options=penn_options(path)),
        }
        starts: dict[str, list[dict]] = {name: [] for name in runs}
        for _ in range(repeats + 1):
            for name, run in runs.items():
                found = run_training(
                    name, threads=settings.threads, stop=True, **run
                )
                starts[name].append(found['stages'])
    stages = {
        name: {
            stage: statistics.median(one[stage] for one in found[1:])
            for stage in found[0]
        }
        for name, found in starts.items()
    }
    return dict(
        repeats=repeats,
        stages=stages,
        imports=_time_imports(),
        figures={
            name: found['first iteration'] for name, found in stages.items()
        }
        | dict(floor=_time_floor(repeats)),
    )


def _time_floor(repeats: int) -> float:
    """Return the seconds of a process that imports what others need too."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', FLOOR], check=True
        )
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _time_imports() -> dict[str, float]:
    """Return the seconds that registering masa takes, by package."""
    done = subprocess.run(
        [
            *(sys.executable, '-W', 'ignore', '-X', 'importtime'),
            *('-c', 'import mmengine.runner, masa.registration'),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    totals: dict[str, float] = {}
    for microseconds, module in _IMPORT.findall(done.stderr):
        package = module.partition('.')[0]
        totals[package] = totals.get(package, 0) + int(microseconds) / 1e6
    return dict(sorted(totals.items(), key=lambda item: -item[1])[:8])


def describe(result: dict) -> str:
    """Write the section."""
    stages = result['stages']
    names = list(stages)
    rows, before = [], dict.fromkeys(names, 0.0)
    for stage in stages[DEMO]:
        rows.append(
            [
                stage,
                *(three_digits(stages[n][stage] - before[n]) for n in names),
            ]
        )
        before = {name: stages[name][stage] for name in names}
    rows.append(['together', *(three_digits(before[n]) for n in names)])
    imports = ', '.join(
        f'{package} {three_digits(seconds)} s'
        for package, seconds in result['imports'].items()
    )
    return f"""\
From the start of the process to the end of the first iteration, files in the
cache of the disk, median of {result['repeats']} starts. The demo makes its
data; `{PENN}` reads a file of the size of Penn Action's and starts two
workers. A process that imports PyTorch, MMEngine's runner and MMAction2's data
sets, makes an optimiser and ends takes
{three_digits(result['figures']['floor'])} s.

{table(['seconds', *(f'`{name}`' for name in names)], rows)}

![Stages of the start](figures/performance_startup.png)

**What bounds it.** Imports: `python -X importtime`, which itself slows them
down, gives {imports}.
"""


@styled
def draw(result: dict) -> dict:
    """Draw the stages."""
    figure = new_figure(7, 2)
    axes = figure.add_subplot()
    for row, stages in enumerate(result['stages'].values()):
        before = 0.0
        for number, (stage, at) in enumerate(stages.items()):
            axes.barh(
                row,
                at - before,
                left=before,
                color=COLOURS[number],
                label=stage if row == 0 else None,
            )
            before = at
    axes.set_yticks([0, 1], list(result['stages']))
    axes.axvline(5, color='#444444', linestyle=':')
    axes.set_xlabel('seconds')
    figure.legend(loc='outside right center', fontsize=8)
    return dict(startup=figure)


SECTION = Section(
    name='startup',
    title='Start-up',
    expectations=(
        Expectation(
            DEMO,
            'start to first iteration, demo',
            predicted=4.5,
            unit='s',
            at_most=5,
        ),
        Expectation(
            PENN,
            'start to first iteration, Penn Action',
            predicted=4,
            unit='s',
            at_most=5,
        ),
        Expectation(
            'floor',
            'the same, only importing PyTorch, MMEngine, MMAction2',
            predicted=3,
            unit='s',
        ),
    ),
    full=dict(sequences=1172, repeats=3),
    small=dict(sequences=80, repeats=1),
    measure=measure,
    describe=describe,
    draw=draw,
)
