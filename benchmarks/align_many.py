"""Align many sequences on one timeline, and list what alignments cost.

    python benchmarks/align_many.py --penn penn.pkl \
        --prmd ../shared/ui_prmd/vicon.npz

``--penn``, an annotation file of Penn Action with key events as phases
(docs/datasets.md): by which share of the key events of every other sequence
are within 5% of its length if they are carried over from the reference that
masa align chooses, from the medoid, which takes the alignment of every pair,
and from a reference drawn at random (the mean over all). ``--prmd``: the cost
that masa align prints, of pairs of correct repetitions of UI-PRMD by two
people, for one exercise and for two.
"""

import argparse
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
from find import read_repetitions, record
from zero_shot import CHOICE

import masa
from masa.alignment import align_pair
from masa.alignment.timeline import central_sequence
from masa.datasets.records import read_records
from masa.embeddings.threads import run_threads

# Of an activity, at most; and the share of the length within which an event
# is carried over rightly.
SEQUENCES, NEAR = 60, 0.05


def align_pairs(embeddings, pairs):
    """Align pairs of sequences; return the alignments by the pair."""
    found = {}

    def align(pair):
        found[pair] = align_pair(*(embeddings[i] for i in pair))

    run_threads(align, list(pairs))
    return found


def carried_over(alignments, events, lengths):
    """Return the share of right events by reference and sequence, (N, N)."""
    right = np.full((len(events), len(events)), np.nan)
    for (i, j), alignment in alignments.items():
        carried = alignment.match_first()[events[i]]
        right[i, j] = np.mean(np.abs(carried - events[j]) <= NEAR * lengths[j])
    return right


def measure_references(model, path):
    """Print how well key events are carried over from each reference."""
    shares = {'central': [], 'medoid': [], 'any': []}
    records = [
        one for one in read_records(path) if one.get('phase') is not None
    ]
    for activity in CHOICE:
        chosen = [one for one in records if one['activity'] == activity]
        chosen = chosen[:SEQUENCES]
        embeddings = [one.embedding for one in model.embed(chosen)]
        events = [np.flatnonzero(np.diff(one['phase'])) + 1 for one in chosen]
        pairs = permutations(range(len(chosen)), 2)
        alignments = align_pairs(embeddings, pairs)
        right = carried_over(alignments, events, list(map(len, embeddings)))
        costs = np.zeros_like(right)
        for pair, alignment in alignments.items():
            costs[pair] = alignment.cost
        means = np.nanmean(right, axis=1)
        shares['central'].append(means[central_sequence(embeddings)])
        shares['medoid'].append(means[costs.sum(1).argmin()])
        shares['any'].append(means.mean())
    for name, of_activities in shares.items():
        print(f'{name:8} {100 * np.mean(of_activities):.1f}% within 5%')


def measure_costs(model, path):
    """Print quantiles of the costs of pairs of repetitions."""
    owners, records = [], []
    for owner, repetitions in read_repetitions(path).items():
        for joints in repetitions:
            owners.append(owner)
            records.append(record(joints, str(len(records))))
    embeddings = [one.embedding for one in model.embed(records)]
    pairs = {True: [], False: []}
    for i, j in combinations(range(len(records)), 2):
        (exercise, person), (other, somebody) = owners[i], owners[j]
        if person != somebody:
            pairs[exercise == other].append((i, j))
    # As many of each.
    rng = np.random.default_rng(0)
    chosen = rng.permutation(pairs[False])[: len(pairs[True])]
    pairs[False] = list(map(tuple, chosen.tolist()))
    print(f'{len(records)} repetitions')
    for alike, name in ((True, 'one exercise'), (False, 'two exercises')):
        alignments = align_pairs(embeddings, pairs[alike]).values()
        costs = [alignment.cost for alignment in alignments]
        low, middle, high = np.percentile(costs, (10, 50, 90))
        print(
            f'{name}: 10% below {low:.2f}, 50% below {middle:.2f}, 90% below '
            f'{high:.2f}'
        )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--penn', type=Path, metavar='FILE')
    parser.add_argument('--prmd', type=Path, metavar='FILE.npz')
    args = parser.parse_args()
    model = masa.load(cache=None)
    if args.penn:
        measure_references(model, args.penn)
    if args.prmd:
        measure_costs(model, args.prmd)


if __name__ == '__main__':
    main()
