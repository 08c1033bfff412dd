import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope

from masa.evaluation import SequenceCollection, SequenceEvaluator
from masa.evaluation.functional import (
    kendalls_tau,
    sequence_retrieval_precision,
)
from masa.visualization.style import COLOURS, new_figure, styled

from ..plain_evaluation import loop_retrieval, loop_tau
from ..section import Expectation, Section, Settings, table, three_digits
from ..workload import penn_lengths

PHASES = 4
KS = (5, 10, 15)
SPLITS = ('train', 'test')
# The paper's five. Tau and retrieval take the sequences of both splits.
METRICS = {
    'phase classification': dict(type='PhaseClassification'),
    'phase progress': dict(type='PhaseProgress'),
    "Kendall's tau": dict(type='KendallsTau', eval_split=SPLITS),
    'frame retrieval': dict(type='FrameRetrieval', k=KS, eval_split=SPLITS),
    'action recognition': dict(type='ActionRecognition'),
}
TAU, RETRIEVAL = "Kendall's tau", 'frame retrieval'


def random_collection(
    sequences: int, activities: int, width: int
) -> SequenceCollection:
    """Make embeddings that walk through an activity's phases, with noise.

    Args:
        sequences (int): How many.
        activities (int): How many.
        width (int): Of an embedding.

    Returns:
        SequenceCollection: Half of the sequences in either split.
    """
    rng = np.random.default_rng(0)
    courses = rng.normal(size=(activities, PHASES + 1, width))
    lengths = penn_lengths(sequences)
    labels = [number % activities for number in range(sequences)]
    embeddings, phases = [], []
    for label, length in zip(labels, lengths, strict=True):
        steps = PHASES * np.arange(length) / length
        walk = np.stack(
            [
                np.interp(steps, np.arange(PHASES + 1), channel)
                for channel in courses[label].T
            ],
            axis=1,
        )
        noise = rng.normal(size=walk.shape)
        embeddings.append((walk + noise).astype(np.float32))
        phases.append(steps.astype(np.int64))
    return SequenceCollection(
        names=[f'{number:04d}' for number in range(sequences)],
        splits=[
            SPLITS[number // activities % 2] for number in range(sequences)
        ],
        labels=labels,
        activities=[f'activity {label:02d}' for label in labels],
        embeddings=embeddings,
        phases=phases,
        canonical_times=[None] * sequences,
    )


def _time_metrics(collection: SequenceCollection) -> dict[str, float]:
    """Save, and take the time of reading and of every metric."""
    init_default_scope('mmaction')
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'embeddings.npz')
        collection.save(path)
        start = time.perf_counter()
        collection = SequenceCollection.load(path)
        seconds['reading the file'] = time.perf_counter() - start
    for name, config in METRICS.items():
        evaluator = SequenceEvaluator([dict(config)])
        start = time.perf_counter()
        evaluator.compute_report(collection)
        seconds[name] = time.perf_counter() - start
    return seconds


def _compare_tau(
    sequences: list[np.ndarray], stride: int
) -> tuple[float, float]:
    """Return seconds of a pair by loops, and the difference from ours."""
    start = time.perf_counter()
    expected = loop_tau(sequences, stride)
    seconds = time.perf_counter() - start
    found = kendalls_tau(sequences, stride)
    return seconds / found.num_pairs, abs(found.tau - expected)


def _compare_retrieval(
    group: SequenceCollection, numbers: list[int]
) -> tuple[float, float]:
    """Return seconds of a query and candidate by loops, and the difference."""
    start = time.perf_counter()
    expected = np.array(
        [
            loop_retrieval(group.embeddings, group.phases, number, KS)
            for number in numbers
        ]
    )
    seconds = time.perf_counter() - start
    found = sequence_retrieval_precision(group.embeddings, group.phases, KS)
    total = sum(map(len, group.embeddings))
    lengths = [len(group.embeddings[number]) for number in numbers]
    products = sum(length * (total - length) for length in lengths)
    return seconds / products, float(np.abs(found[numbers] - expected).max())


def measure(
    settings: Settings,
    sequences: list[int],
    activities: int,
    width: int,
    tau_subset: int,
    retrieval_subset: int,
) -> dict:
    """Time the metrics, and loops on a subset.

    Args:
        settings (Settings): Threads.
        sequences (list[int]): Numbers of sequences, ascending; the last is
            the size of the page.
        activities (int): Number of activities.
        width (int): Of the embeddings.
        tau_subset (int): Sequences of one activity whose pairs are looped
            over.
        retrieval_subset (int): Sequences whose frames are looped over, with
            all candidates.

    Returns:
        dict: The result.
    """
    torch.set_num_threads(settings.threads)
    growth = []
    for number in sequences:
        collection = random_collection(number, activities, width)
        growth.append(
            dict(sequences=number, seconds=_time_metrics(collection))
        )
    groups = list(collection.by_activity().values())
    pair, tau_gap = _compare_tau(groups[0].embeddings[:tau_subset], 1)
    product, retrieval_gap = _compare_retrieval(
        groups[0], list(range(retrieval_subset))
    )
    for point in growth:
        part = random_collection(point['sequences'], activities, width)
        pairs, products = _count(part)
        point['loops'] = {TAU: pairs * pair, RETRIEVAL: products * product}
    ours, loops = growth[-1]['seconds'], growth[-1]['loops']
    probes = sum(ours.values()) - ours[TAU] - ours[RETRIEVAL]
    return dict(
        sequences=len(collection),
        frames=sum(map(len, collection.embeddings)),
        activities=activities,
        width=width,
        pairs=pairs,
        products=products,
        tau_subset=tau_subset,
        retrieval_subset=retrieval_subset,
        gap=max(tau_gap, retrieval_gap),
        growth=growth,
        figures=dict(
            total=sum(ours.values()),
            tau=loops[TAU] / ours[TAU],
            retrieval=loops[RETRIEVAL] / ours[RETRIEVAL],
            all=(sum(loops.values()) + probes) / sum(ours.values()),
            gap=max(tau_gap, retrieval_gap),
        ),
    )


def _count(collection: SequenceCollection) -> tuple[int, int]:
    """Count ordered pairs, and pairs of a query frame and a candidate."""
    pairs = products = 0
    for group in collection.by_activity().values():
        lengths = np.array([len(one) for one in group.embeddings])
        pairs += len(group) * (len(group) - 1)
        products += int((lengths * (lengths.sum() - lengths)).sum())
    return pairs, products


def describe(result: dict) -> str:
    """Write the section."""
    last = result['growth'][-1]
    rows = []
    for name, seconds in last['seconds'].items():
        loops = last['loops'].get(name)
        rows.append(
            [
                name,
                three_digits(seconds),
                three_digits(loops) if loops else 'the same',
                three_digits(loops / seconds) if loops else '',
            ]
        )
    total = sum(last['seconds'].values())
    whole = result['figures']['all'] * total
    rows.append(
        [
            'together',
            three_digits(total),
            three_digits(whole),
            three_digits(result['figures']['all']),
        ]
    )
    slowest = max(last['seconds'], key=last['seconds'].get)
    return f"""\
The paper's five metrics from a saved file of {result['sequences']:,} sequences
of {result['activities']} activities, {result['frames']:,} random frames,
{result['width']} wide, the size of all of Penn Action. Probes are fitted on
one half and judged on the other; tau is over all {result['pairs']:,} ordered
pairs of the sequences of one activity, every frame of them, none left out or
drawn; retrieval asks with every frame among those of all other sequences of
the activity.

The loops are SciPy's `cdist` and `kendalltau`, pair by pair, and `cdist` and
`argsort`, frame by frame. They were run on {result['tau_subset']} sequences of
one activity (tau) and on the frames of {result['retrieval_subset']} sequences
with all their candidates (retrieval), where they gave the same values (largest
difference {result['gap']:.0e}), and are extrapolated by the number of pairs
and of products of queries and candidates ({result['products']:,}). The probes
are scikit-learn's on both sides, and their time is counted on both.

{table(['', 'masa, s', 'loops, s', 'ratio'], rows)}

![Time against the number of sequences](figures/performance_evaluation.png)

**What bounds it.** {slowest.capitalize()} takes
{last['seconds'][slowest] / total:.0%} of the time. Tau and retrieval grow with
the square of the number of sequences, the probes with the number.
"""


@styled
def draw(result: dict) -> dict:
    """Draw time against the number of sequences."""
    figure = new_figure(7, 3.2)
    axes = figure.add_subplot()
    growth = result['growth']
    xs = [point['sequences'] for point in growth]
    for number, name in enumerate(METRICS):
        colour = COLOURS[number]
        axes.plot(
            xs,
            [point['seconds'][name] for point in growth],
            'o-',
            color=colour,
            label=name,
        )
        if name in growth[0]['loops']:
            axes.plot(
                xs,
                [point['loops'][name] for point in growth],
                '--',
                color=colour,
                label=f'{name}, loops (extrapolated)',
            )
    axes.set_xscale('log', base=2)
    axes.set_yscale('log')
    axes.set_xticks(xs, [f'{n:,}' for n in xs])
    axes.set_xlabel('sequences')
    axes.set_ylabel('time, s')
    figure.legend(loc='outside right center', fontsize=8)
    return dict(evaluation=figure)


SECTION = Section(
    name='evaluation',
    title='Evaluation',
    expectations=(
        Expectation(
            'all',
            'time of all five metrics by loops over ours',
            predicted=25,
            at_least=20,
        ),
        Expectation('tau', "Kendall's tau, loops over ours", predicted=40),
        Expectation(
            'retrieval', 'frame retrieval, loops over ours', predicted=100
        ),
        Expectation(
            'total',
            'time of all five metrics, file read included',
            predicted=30,
            unit='s',
            at_most=60,
        ),
    ),
    full=dict(
        sequences=[269, 538, 1075, 2150],
        activities=13,
        width=128,
        tau_subset=24,
        retrieval_subset=2,
    ),
    small=dict(
        sequences=[12, 24],
        activities=2,
        width=8,
        tau_subset=4,
        retrieval_subset=1,
    ),
    measure=measure,
    describe=describe,
    draw=draw,
)
