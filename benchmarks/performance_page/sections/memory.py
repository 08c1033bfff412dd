import time
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import nnls

from masa.visualization.style import COLOURS, new_figure, styled

from ..machine import synchronize
from ..plain_training import plain_loss
from ..processes import PeakMemory, in_own_process
from ..section import Expectation, Section, Settings, table, three_digits
from ..workload import build_model, full_views

GIBIBYTE = 2**30
OURS, PLAIN = 'masa', 'plain'


def train_once(
    kind: str, length: int, pairs: int, settings: Settings
) -> dict[str, float]:
    """Take one training step, in a process that did nothing else.

    Args:
        kind (str): 'masa' or 'plain'.
        length (int): Frames of every view; all are kept.
        pairs (int): Pairs of views.
        settings (Settings): Device and threads.

    Returns:
        dict[str, float]: Bytes added at the peak, and seconds.
    """
    torch.set_num_threads(settings.threads)
    model = build_model(settings.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)

    def step(views):
        loss = (
            model.loss(views)['loss']
            if kind == OURS
            else plain_loss(model, views)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        synchronize(settings.device)

    # What libraries take for themselves once is not the step's.
    step(full_views(2, 8, settings.device))
    views = full_views(pairs, length, settings.device)
    with PeakMemory(settings.device) as memory:
        start = time.perf_counter()
        step(views)
        seconds = time.perf_counter() - start
    return dict(bytes=memory.added, seconds=seconds)


def _grow(
    kind: str, sizes: list[tuple[int, int]], settings: Settings
) -> list[dict]:
    """Measure steps of ascending sizes, as far as the memory allows."""
    points: list[dict] = []
    for length, pairs in sizes:
        point = dict(length=length, pairs=pairs)
        guess = _extrapolate(points, length, pairs) if points else None
        fits = kind == OURS or (
            guess is None or guess['bytes'] <= settings.memory_limit * GIBIBYTE
        )
        if fits:
            point |= in_own_process(train_once, kind, length, pairs, settings)
        else:
            point |= guess
        points.append(dict(point, measured=fits))
    return points


def _extrapolate(
    points: list[dict], length: int, pairs: int
) -> dict[str, float]:
    """Fit what is linear in the length and what is quadratic."""
    last = [point for point in points if point.get('measured', True)][-2:]
    terms = np.array([_terms(p['length'], p['pairs']) for p in last])
    scale = terms.max(axis=0)
    found = {}
    for key in ('bytes', 'seconds'):
        weights, _ = nnls(terms / scale, np.array([p[key] for p in last]))
        found[key] = float(weights @ (_terms(length, pairs) / scale))
    return found


def _terms(length: int, pairs: int) -> np.ndarray:
    return np.array([pairs * length, pairs * length**2], dtype=float)


def measure(
    settings: Settings,
    lengths: list[int],
    pairs: int,
    numbers: list[int],
    number_length: int,
    longest: int,
) -> dict:
    """Measure memory and time against length and number of sequences.

    Args:
        settings (Settings): Device, threads and limit of memory.
        lengths (list[int]): Frames of a view, ascending.
        pairs (int): Pairs of views for these.
        numbers (list[int]): Numbers of pairs, ascending.
        number_length (int): Frames for these.
        longest (int): Frames of one pair, for the package alone.

    Returns:
        dict: The result.
    """
    by_length = {
        kind: _grow(kind, [(n, pairs) for n in lengths], settings)
        for kind in (OURS, PLAIN)
    }
    by_number = {
        kind: _grow(kind, [(number_length, n) for n in numbers], settings)
        for kind in (OURS, PLAIN)
    }
    # One sequence more is one sequence's worth more, whatever the length.
    (long,) = _grow(OURS, [(longest, 1)], settings)
    last = {kind: points[-1] for kind, points in by_length.items()}
    return dict(
        by_length=by_length,
        by_number=by_number,
        long=long,
        figures=dict(
            ratio=last[PLAIN]['bytes'] / last[OURS]['bytes'],
            exponent=_exponent(by_length[OURS], 'length'),
            exponent_number=_exponent(by_number[OURS], 'pairs'),
            longest=last[OURS]['bytes'] / GIBIBYTE,
            long=long['bytes'] / GIBIBYTE,
        ),
    )


def _exponent(points: list[dict], size: str) -> float:
    """Fit bytes = c * size ** exponent to the upper half of the points."""
    upper = points[len(points) // 2 - 1 :]
    logs = np.log([[point[size], point['bytes']] for point in upper])
    return float(np.polyfit(*logs.T, 1)[0])


def describe(result: dict) -> str:
    """Write the section."""
    ours, plain = (result['by_length'][kind] for kind in (OURS, PLAIN))
    rows = [
        [
            f'{a["length"]:,}',
            *(
                three_digits(point[key] / unit)
                + ('' if point['measured'] else ' (extrapolated)')
                for key, unit in (('bytes', GIBIBYTE), ('seconds', 1))
                for point in (a, b)
            ),
        ]
        for a, b in zip(ours, plain, strict=True)
    ]
    long = result['long']
    rows.append(
        [
            f'{long["length"]:,}, one pair',
            *(three_digits(long['bytes'] / GIBIBYTE), ''),
            *(three_digits(long['seconds']), ''),
        ]
    )
    header = ['frames', 'masa, GiB', 'plain, GiB', 'masa, s', 'plain, s']
    growth = ', '.join(
        f'{b["seconds"] / a["seconds"]:.1f}' for a, b in pairwise(ours)
    )
    return f"""\
One training step on {ours[0]['pairs']} pairs of views that kept every frame,
in a process of its own: what it holds at the peak beyond what it held before.
4,078 frames are the longest sequence of IKEA ASM. What the plain
implementation was not allowed to need is extrapolated from the last two
measured lengths, as the sum of a linear and a quadratic part.

{table(header, rows)}

![Memory and time against length and number](figures/performance_memory.png)

**What bounds it.** Memory is what every frame's activations take, and grows
with the number of frames. Time does not: attention compares every frame with
every other, and from one length to the next takes {growth} times as long.
"""


@styled
def draw(result: dict) -> dict:
    """Draw memory and time against length and number of sequences."""
    figure = new_figure(7, 5)
    panels = figure.subplots(2, 2)
    for column, (data, size, label) in enumerate(
        (
            (result['by_length'], 'length', 'frames of a sequence'),
            (result['by_number'], 'pairs', 'sequences in a batch'),
        )
    ):
        for axes, key, unit, title in (
            (panels[0, column], 'bytes', GIBIBYTE, 'memory, GiB'),
            (panels[1, column], 'seconds', 1, 'time, s'),
        ):
            for number, (kind, points) in enumerate(data.items()):
                _draw_curve(axes, points, size, key, unit, kind, number)
            axes.set_xscale('log', base=2)
            axes.set_yscale('log')
            sizes = [point[size] for point in data[OURS]]
            axes.set_xticks(sizes, [f'{n:,}' for n in sizes])
            axes.set_xlabel(label)
            axes.set_ylabel(title)
    panels[0, 0].legend()
    return dict(memory=figure)


def _draw_curve(axes, points, size, key, unit, kind, number):
    xs = [point[size] for point in points]
    ys = [point[key] / unit for point in points]
    measured = sum(point['measured'] for point in points)
    colour = COLOURS[number]
    axes.plot(xs[:measured], ys[:measured], 'o-', color=colour, label=kind)
    if measured < len(points):
        axes.plot(
            *(xs[measured - 1 :], ys[measured - 1 :]),
            *('--',),
            color=colour,
            label=f'{kind}, extrapolated',
        )


SECTION = Section(
    name='memory',
    title='Memory and length',
    expectations=(
        Expectation(
            'ratio',
            'memory of the plain step over ours, 4,078 frames, 4 pairs',
            predicted=14,
            at_least=10,
        ),
        Expectation(
            'exponent',
            'power of the length that our memory grows with',
            predicted=1.0,
            at_most=1.1,
        ),
        Expectation(
            'exponent_number',
            'power of the number of sequences that it grows with',
            predicted=1.0,
            at_most=1.1,
        ),
        Expectation(
            'longest',
            'our memory, 4,078 frames, 4 pairs',
            predicted=3,
            unit='GiB',
        ),
        Expectation(
            'long',
            'our memory, 20,000 frames, one pair',
            predicted=3.7,
            unit='GiB',
        ),
    ),
    full=dict(
        lengths=[255, 510, 1020, 2039, 4078],
        pairs=4,
        numbers=[8, 16, 32, 64, 128],
        number_length=64,
        longest=20000,
    ),
    small=dict(
        lengths=[16, 32, 64],
        pairs=2,
        numbers=[2, 4],
        number_length=16,
        longest=128,
    ),
    measure=measure,
    describe=describe,
    draw=draw,
)
