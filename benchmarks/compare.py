"""Evaluate whether comparisons tell incorrect from correct repetitions.

    python benchmarks/compare.py ui_prmd/vicon.npz -o compare.json

The data is UI-PRMD's (Vakanski et al., Data 3(1):2, 2018): ten exercises, done
ten times correctly and incorrectly by each person, as an .npz file with arrays
(T, 39, 3) of Plug-in Gait markers at 50/s under keys such as
``correct/m01_s02_e03`` (exercise 1, person 2, repetition 3). For each exercise
and person the AUC is computed of a score that should be larger for incorrect
repetitions than for correct ones,

- with references of other people: one correct repetition each of five others;
- with the person's own: five correct repetitions. The other five are judged.

References are drawn several times. ``within`` is the mean over people of the
AUC of a person's repetitions, ``across`` that of all people's together, which
a score must be calibrated for. The score was chosen on the people 1 to 4
(--people 1 2 3 4 --others 1 2 3 4); --people of a run are those judged, and
--others those whose repetitions may be references.

Beside the score stand its parts, dynamic time warping of the model's
embeddings, and as a baseline of the joints (13 joints, turned to face one
way, in torso lengths): mean squared distance and total distance along the
path, mean over the references. Last, attempts are mirrored, and it is counted
which comparisons are made as a mirror image.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

import masa
from masa.alignment import ReferenceSet, align_pair
from masa.alignment.joint_angles import body_joints, flatten_joints
from masa.alignment.joint_difference import DEGREES, TORSOS

EXERCISES = (
    *('deep squat', 'hurdle step', 'inline lunge', 'side lunge'),
    *('sit to stand', 'straight leg raise', 'shoulder abduction'),
    *('shoulder extension', 'shoulder rotation', 'shoulder scaption'),
)
FRAME_RATE = 50
REFERENCES = 5
# Above which an attempt is called incorrect, to see whether it is calibrated.
THRESHOLD = 1.5


def auc(negative, positive):
    """Share of pairs in which the positive one is larger; ties count half."""
    ranks = rankdata([*negative, *positive])[len(negative) :]
    least = len(positive) * (len(positive) + 1) / 2
    return (ranks.sum() - least) / (len(negative) * len(positive))


def key(kind, exercise, person, repetition):
    """Name a repetition as the file does."""
    return f'{kind}/m{exercise:02d}_s{person:02d}_e{repetition:02d}'


class Data:
    """The repetitions, embedded when they are asked for."""

    def __init__(self, path):
        self.file = np.load(path)
        self.model = masa.load(layout='PLUG_IN_GAIT_39', frame_rate=FRAME_RATE)
        self.known, self.joints, self.mirrors = {}, {}, {}

    def __contains__(self, name):
        # A single frame is no repetition.
        return name in self.file and len(self.file[name]) > 1

    def embedded(self, name):
        """Return a repetition, embedded."""
        if name not in self.known:
            joints = self.file[name].astype(np.float32)
            (self.known[name],) = self.model.embed(joints)
        return self.known[name]

    def mirrored(self, name):
        """Return its mirror image, embedded."""
        if name not in self.mirrors:
            embedded = self.embedded(name)
            self.mirrors[name] = self.model.embed_mirrored(embedded)
        return self.mirrors[name]

    def reference_set(self, names):
        """Return references, turned to one side."""
        return ReferenceSet(
            [self.embedded(name) for name in names],
            [self.mirrored(name) for name in names],
        )

    def raw(self, name):
        """Return its 13 joints, (T, 39), those unseen interpolated."""
        if name not in self.joints:
            self.joints[name] = flatten_joints(
                body_joints(self.embedded(name))
            )
        return self.joints[name]


def trials(data, exercise, person, others, draws):
    """Yield what is judged by which references."""
    rng = np.random.default_rng([exercise, person])
    known = [
        one
        for one in others
        if one != person and key('correct', exercise, one, 1) in data
    ]
    incorrect = [key('incorrect', exercise, person, i) for i in range(1, 11)]
    incorrect = [name for name in incorrect if name in data]
    for _ in range(draws):
        # Each of the others once, before one of them comes again.
        order = np.tile(rng.permutation(known), REFERENCES)[:REFERENCES]
        repetitions = rng.permutation(10)[:REFERENCES] + 1
        references = [
            key('correct', exercise, *pair)
            for pair in zip(order, repetitions, strict=True)
        ]
        own = [
            key('correct', exercise, person, i)
            for i in rng.permutation(10) + 1
        ]
        yield 'others', references, own, incorrect
        yield 'own', own[:REFERENCES], own[REFERENCES:], incorrect
        yield 'one of others', references[:1], own, incorrect
        yield 'one of own', own[:1], own[1:], incorrect


def scores_of(data, references, name, known):
    """Score a repetition in all ways."""
    attempt = data.embedded(name)
    found = known.compare(attempt, data.mirrored(name))
    scores = {'score': found.score}
    for units, title in (
        ((DEGREES, TORSOS), 'angles and positions'),
        ((DEGREES,), 'angles'),
        ((TORSOS,), 'positions'),
    ):
        scores[f'mean over all {title}'] = np.mean(
            [one.score for one in found.joints if one.unit in units]
        )
    scores['DTW of embeddings'] = np.mean(
        [
            align_pair(attempt.embedding, one.embedding).cost
            for one in known.references
        ]
    )
    raw = [align_pair(data.raw(name), data.raw(one)) for one in references]
    scores['DTW of joints, mean squared distance'] = np.mean(
        [one.cost for one in raw]
    )
    scores['DTW of joints, total distance'] = np.mean(
        [np.sqrt(one.distances).sum() for one in raw]
    )
    return scores, found.mirrored


def evaluate(data, people, others, draws):
    """Compute all scores: by references, exercise, draw and person."""
    results = defaultdict(dict)
    for exercise in range(1, len(EXERCISES) + 1):
        for person in people:
            if key('correct', exercise, person, 1) not in data:
                continue
            made = trials(data, exercise, person, others, draws)
            for number, (kind, references, correct, wrong) in enumerate(made):
                known = data.reference_set(references)
                judged = [
                    [scores_of(data, references, n, known) for n in names]
                    for names in (correct, wrong)
                ]
                results[kind][exercise, number // 4, person] = judged
        print(f'{EXERCISES[exercise - 1]}: done', flush=True)
    return results


def tabulate(results):
    """Compute AUCs: by references and score, per exercise within, across."""
    table = {}
    for kind, judged in results.items():
        titles = next(iter(judged.values()))[0][0][0]
        for title in titles:
            within, across = defaultdict(list), defaultdict(lambda: ([], []))
            for (exercise, draw, _), sides in judged.items():
                values = [[one[title] for one, _ in side] for side in sides]
                within[exercise].append(auc(*values))
                for total, side in zip(
                    across[exercise, draw], values, strict=True
                ):
                    total.extend(side)
            pooled = defaultdict(list)
            for (exercise, _), sides in across.items():
                pooled[exercise].append(auc(*sides))
            table.setdefault(kind, {})[title] = dict(
                within=[float(np.mean(one)) for one in within.values()],
                across=[float(np.mean(one)) for one in pooled.values()],
            )
    return table


def describe(judged):
    """Median score of correct and incorrect ones, and shares above."""
    sides = [
        [one['score'] for both in judged.values() for one, _ in both[side]]
        for side in (0, 1)
    ]
    return dict(
        median=[float(np.median(side)) for side in sides],
        above=[float(np.mean(np.array(side) > THRESHOLD)) for side in sides],
    )


def count_mirrored(data, people, others):
    """Count mirror images that are taken, of mirrored and other attempts."""
    counts = {}
    for exercise in range(1, len(EXERCISES) + 1):
        rows = []
        for person in people:
            made = trials(data, exercise, person, others, 1)
            _, references, correct, _ = next(made)
            if correct[0] not in data:
                continue
            known = data.reference_set(references)
            for name in correct[:3]:
                pair = data.embedded(name), data.mirrored(name)
                rows.append(
                    [
                        known.compare(*order).mirrored
                        for order in (pair, pair[::-1])
                    ]
                )
        counts[EXERCISES[exercise - 1]] = np.mean(rows, axis=0).tolist()
    return counts


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('data', type=Path, help='.npz file')
    parser.add_argument('--people', type=int, nargs='+', default=[5, 6, 7, 8])
    parser.add_argument('--others', type=int, nargs='+', default=range(1, 9))
    parser.add_argument('--draws', type=int, default=1)
    parser.add_argument('-o', '--output', type=Path, required=True)
    args = parser.parse_args()
    data = Data(args.data)
    results = evaluate(data, args.people, args.others, args.draws)
    table = tabulate(results)
    for kind, rows in table.items():
        print(f'\nReferences: {kind}\n')
        print('| AUC | within | across |\n|---|---:|---:|')
        for title, one in rows.items():
            means = ' | '.join(f'{np.mean(v):.3f}' for v in one.values())
            print(f'| {title} | {means} |')
    levels = {kind: describe(one) for kind, one in results.items()}
    print(
        '\nMedian score, and share above '
        f'{THRESHOLD}, of correct and incorrect: {levels}'
    )
    mirrored = count_mirrored(data, args.people, args.others)
    print(f'\nMirror images taken, as recorded and mirrored: {mirrored}')
    args.output.write_text(
        json.dumps(dict(auc=table, levels=levels, mirrored=mirrored), indent=1)
    )


if __name__ == '__main__':
    main()
