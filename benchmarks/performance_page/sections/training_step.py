import statistics
import time
from collections.abc import Callable

import torch

from masa.visualization.style import COLOURS, new_figure, styled

from ..machine import product_rate, synchronize
from ..operations import ATTENTION, LINEAR, count_operations, time_by_kind
from ..plain_training import pad_batch, plain_loss
from ..section import Expectation, Section, Settings, table, three_digits
from ..workload import Batches, build_model, parts_of, penn_batches

OURS = 'masa'
TO_DATA_SET = 'plain, padded to the data set'
TO_BATCH = 'plain, padded to the batch'


def _train(
    settings: Settings, loss_of: Callable, batches: Batches, part: int
) -> tuple[list[float], list[float]]:
    """Train a fresh model on every batch once; part: sequences at once."""
    model = build_model(settings.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    seconds, losses = [], []
    for views in batches:
        synchronize(settings.device)
        start = time.perf_counter()
        optimizer.zero_grad()
        total = 0.0
        for few in parts_of(views, part):
            share = len(few[0].mask) / len(views[0].mask)
            loss = loss_of(model, few) * share
            loss.backward()
            total += loss.item()
        optimizer.step()
        synchronize(settings.device)
        seconds.append(time.perf_counter() - start)
        losses.append(total)
    return seconds, losses


def _our_loss(model, views):
    return model.loss(views)['loss']


def _padded(longest: int | None) -> Callable:
    def loss_of(model, views):
        length = longest or max(view.mask.shape[1] for view in views)
        return plain_loss(model, [pad_batch(view, length) for view in views])

    return loss_of


def measure(
    settings: Settings,
    sequences: int,
    batch_size: int,
    plain_part: int,
    repeats: int,
    longest: int,
) -> dict:
    """Time training steps of the package and of the plain implementation.

    Args:
        settings (Settings): Device and threads.
        sequences (int): Of one epoch.
        batch_size (int): Sequences of a step.
        plain_part (int): Sequences that the plain implementation takes at
            once: a whole batch would not fit the memory.
        repeats (int): Epochs of the package.
        longest (int): Longest sequence.

    Returns:
        dict: The result.
    """
    torch.set_num_threads(settings.threads)
    batches = penn_batches(sequences, batch_size, settings.device, longest)
    # Batch normalisation sees what is taken at once, so that losses are
    # equal only where the same sequences are.
    few = [next(parts_of(batches[0], plain_part))]
    losses = [
        _train(settings, loss_of, few, plain_part)[1][0]
        for loss_of in (_our_loss, _padded(longest))
    ]
    ours = [
        _train(settings, _our_loss, batches, batch_size)[0]
        for _ in range(repeats)
    ]
    to_batch = _train(settings, _padded(None), batches, plain_part)[0]
    # Every step costs the same.
    to_data_set = _train(settings, _padded(longest), batches[:1], plain_part)[
        0
    ]
    seconds = {
        OURS: statistics.median(map(statistics.mean, ours)),
        TO_BATCH: statistics.mean(to_batch),
        TO_DATA_SET: to_data_set[0],
    }

    def epoch():
        _train(settings, _our_loss, batches, batch_size)

    counts = {
        kind: count / len(batches)
        for kind, count in count_operations(epoch).items()
    }
    shares = time_by_kind(epoch, settings.device)
    rate = product_rate(settings.device)
    limit = sum(counts.values()) / rate
    return dict(
        batch_size=batch_size,
        steps=len(batches),
        seconds=seconds,
        steps_of_ours=ours,
        loss_gap=abs(losses[1] / losses[0] - 1),
        operations=counts,
        shares=shares,
        product_rate=rate,
        figures=dict(
            to_data_set=seconds[TO_DATA_SET] / seconds[OURS],
            to_batch=seconds[TO_BATCH] / seconds[OURS],
            limit=seconds[OURS] / limit,
            attention=shares.get(ATTENTION, 0),
            linear=shares.get(LINEAR, 0),
        ),
    )


def describe(result: dict) -> str:
    """Write the section."""
    seconds, counts = result['seconds'], result['operations']
    rate, whole = result['product_rate'], sum(result['operations'].values())
    rows = [
        [
            name,
            three_digits(seconds[name]),
            three_digits(seconds[name] / seconds[OURS]),
        ]
        for name in (OURS, TO_BATCH, TO_DATA_SET)
    ]
    kinds = []
    for kind, share in result['shares'].items():
        cells = [kind, f'{share:.0%}', '', '']
        if kind in counts:
            own = counts[kind] / (share * seconds[OURS])
            cells[2:] = [f'{counts[kind] / whole:.0%}', f'{own / rate:.0%}']
        kinds.append(cells)
    largest = next(iter(result['shares']))
    return f"""\
Forward, backward and Adam on batches of {result['batch_size']} sequences of
75 channels, lengths drawn by the quantiles of Penn Action's, two views that
lost up to half of their frames; 128 channels, 8 heads. The plain
implementation has the same weights, builds every matrix between frames, and
pads all to the longest sequence of the data set, or of the batch to tell the
two savings apart. It takes the batch in parts, as the whole would not fit the
memory. Losses on equal sequences differ by {result['loss_gap']:.0e}.

{table(['', 'seconds a step', 'ratio'], rows)}

![Where the time of a step goes](figures/performance_training_step.png)

**What bounds it.** The matrix products of a step are
{three_digits(whole / 1e9)} GFLOP, counted with `torch.utils.flop_counter`,
padding within the groups of attention included. A product of two 2048 x 2048
matrices runs at {three_digits(rate / 1e9)} GFLOP/s here, in float32 and in the
same run, so that the arithmetic alone would take
{three_digits(whole / rate)} s: a step takes
{three_digits(result['figures']['limit'])} times that. By profiler, most time
goes to {largest}:

{table(['', 'time', 'FLOPs', 'rate, of the large product'], kinds)}
"""


@styled
def draw(result: dict) -> dict:
    """Draw where the time goes."""
    figure = new_figure(6, 1.9)
    axes = figure.add_subplot()
    left = 0.0
    for number, (kind, share) in enumerate(result['shares'].items()):
        axes.barh(0, share, left=left, color=COLOURS[number], label=kind)
        left += share
    limit = 1 / result['figures']['limit']
    axes.barh(1, limit, color='#444444')
    axes.set_yticks([0, 1], ['a step', 'arithmetic\nlimit'])
    axes.set_xlim(0, 1)
    axes.set_xlabel('share of the time of a step')
    figure.legend(loc='outside right center', fontsize=8)
    return dict(training_step=figure)


SECTION = Section(
    name='training_step',
    title='Training step',
    expectations=(
        Expectation(
            'to_data_set',
            'time of the plain step, padded to the data set, over ours',
            predicted=100,
            at_least=3,
        ),
        Expectation(
            'to_batch',
            'time of the plain step, padded to the batch, over ours',
            predicted=6,
        ),
        Expectation(
            'limit',
            'time of a step over the arithmetic limit',
            predicted=4,
        ),
        Expectation(
            'attention',
            'share of a step in attention',
            predicted=0.35,
        ),
        Expectation(
            'linear',
            'share of a step in linear layers',
            predicted=0.25,
        ),
    ),
    full=dict(
        sequences=512, batch_size=64, plain_part=16, repeats=3, longest=657
    ),
    small=dict(sequences=8, batch_size=4, plain_part=2, repeats=1, longest=60),
    measure=measure,
    describe=describe,
    draw=draw,
)
