"""Find right and wrong repetitions of an exercise, to compare each.

    python benchmarks/repetitions.py ../shared/ui_prmd/vicon.npz \
        --subjects report

A recording shows one subject of UI-PRMD doing an exercise seven times, four
times correctly and three times incorrectly, in any order, with pauses and
transitions. Printed is which share of the correct and of the incorrect ones
``masa compare --repetitions`` and ``masa find`` find (the intersection is half
of the union), how many things else, and in which share of the recordings all
seven are found and nothing else; and of the repetitions that nothing found
covers by a quarter, how many are in stretches of which the command warns, and
in how many of these there is none. References are one or three correct
repetitions of the same person, not in the recording, or of others.
"""

import argparse
import warnings

import numpy as np
from find import (
    EXERCISES,
    SUBJECTS,
    Task,
    film,
    is_right,
    join,
    read_repetitions,
    record,
)
from rich.console import Console
from rich.table import Table

import masa
from masa.apis.finding import find_in_recording, unlike_stretches

CORRECT, INCORRECT, REFERENCES = 4, 3, 3


def draw_recording(right, wrong, subjects, exercise, subject, rng):
    """Draw a recording, references, and which repetitions are correct."""
    own = rng.permutation(len(right[exercise, subject]))
    others = rng.permutation(len(wrong[exercise, subject]))
    stretches = [right[exercise, subject][i] for i in own[:CORRECT]]
    stretches += [wrong[exercise, subject][i] for i in others[:INCORRECT]]
    order = rng.permutation(len(stretches))
    joints, places = join([stretches[i] for i in order], rng)
    kept = [right[exercise, subject][i] for i in own[CORRECT:][:REFERENCES]]
    of_others = [
        right[exercise, one][rng.integers(len(right[exercise, one]))]
        for one in rng.permutation(subjects)
        if one != subject and (exercise, one) in right
    ]
    references = {
        'one, own': kept[:1],
        'three, own': kept,
        'one, of another': of_others[:1],
        'three, of others': of_others[:REFERENCES],
    }
    return Task(joints, places, references), order < CORRECT


def count(found, truth, is_correct):
    """Count the correct and incorrect ones found, and what else is."""
    left = list(found)
    right = [0, 0]
    for place, correct in zip(truth, is_correct, strict=True):
        match = next((one for one in left if is_right(one, place)), None)
        if match is not None:
            left.remove(match)
            right[int(correct)] += 1
    return right[True], right[False], len(left)


def count_missed(parts, stretches, truth):
    """Count missed repetitions, those told, and stretches without one."""

    def covered(place, by):
        common = [
            min(place[1], end) - max(place[0], start) for start, end in by
        ]
        return max([0, *common]) / (place[1] - place[0])

    missed = [place for place in truth if covered(place, parts) < 1 / 4]
    told = sum(covered(place, stretches) > 1 / 2 for place in missed)
    empty = sum(
        not any(covered(place, [one]) > 1 / 2 for place in missed)
        for one in stretches
    )
    return len(missed), told, empty


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('prmd', help='UI-PRMD, vicon.npz')
    parser.add_argument('--subjects', choices=SUBJECTS, default='report')
    parser.add_argument('--views', choices=('2d', '3d'), default='3d')
    parser.add_argument('--apart', type=float, default=0.0)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    warnings.filterwarnings('ignore', '.* is upside down')
    rng = np.random.default_rng([args.seed, args.subjects == 'report'])
    right, wrong = (
        read_repetitions(args.prmd, kind) for kind in ('correct', 'incorrect')
    )
    subjects = SUBJECTS[args.subjects]
    model = masa.load()
    results, told = {}, []
    for exercise, subject in (
        (exercise, one) for one in subjects for exercise in EXERCISES
    ):
        if len(right.get((exercise, subject), ())) < CORRECT + REFERENCES:
            continue
        if len(wrong.get((exercise, subject), ())) < INCORRECT:
            continue
        task, is_correct = draw_recording(
            right, wrong, subjects, exercise, subject, rng
        )
        if args.views == '2d':
            task = film(task, args.apart, rng)
        (recording,) = model.embed(record(task.joints, 'all'), parts=True)
        for kind, chosen in task.references.items():
            references = model.embed(
                [record(one, f'{i}') for i, one in enumerate(chosen)]
            )
            for command, lenient in (
                ('masa find', False),
                ('masa compare --repetitions', True),
            ):
                found = find_in_recording(
                    model, references, recording, None, lenient, lenient
                )
                places = [(one.start_frame, one.end_frame) for one in found]
                results.setdefault((kind, command), []).append(
                    count(places, task.truth, is_correct)
                )
            # Of the lenient search; where it finds nothing, the command fails.
            parts = sorted(places)
            stretches = parts and unlike_stretches(
                model, references, recording, parts
            )
            told.append(count_missed(parts, stretches, task.truth))
    table = Table(
        *('references', 'found by', 'correct', 'incorrect', 'else', 'all')
    )
    for (kind, command), found in results.items():
        correct, incorrect, other = np.transpose(found)
        whole = (correct == CORRECT) & (incorrect == INCORRECT) & (other == 0)
        table.add_row(
            *(kind, command, f'{100 * correct.mean() / CORRECT:.1f}'),
            f'{100 * incorrect.mean() / INCORRECT:.1f}',
            *(f'{other.mean():.2f}', f'{100 * whole.mean():.1f}'),
        )
    console = Console(width=100)
    console.print(table)
    missed, told, empty = np.sum(told, axis=0)
    console.print(
        f'{len(found)} recordings; of {missed} missed repetitions {told} are '
        f'told, and {empty} stretches without one'
    )


if __name__ == '__main__':
    main()
