"""Check annotation files: list every problem, and what the data is like."""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from masa.datasets.annotation import AnnotationError, load_annotations
from masa.datasets.schema import check_annotations


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 if there are problems, with 2 '
        'if a file cannot be read.',
        epilog='Example: python tools/check_data.py data/penn_action.pkl',
    )
    parser.add_argument('files', type=Path, nargs='+', metavar='FILE')
    parser.add_argument(
        '--features',
        metavar='FOLDER',
        help='check the feature files too, their paths relative to FOLDER',
    )
    return parser.parse_args(argv)


def health(annotations: dict) -> Table:
    """Tabulate what annotations without problems hold."""
    records = annotations['annotations']
    names = annotations.get('activities')
    lengths = np.array([record['total_frames'] for record in records])
    scores = [
        np.ravel(record['keypoint_score'])
        for record in records
        if 'keypoint_score' in record
    ]
    low, middle, high = np.percentile(lengths, [0, 50, 100]).astype(int)
    table = Table(show_header=False)
    table.add_row('sequences', str(len(records)))
    table.add_row(
        'frames',
        f'{lengths.sum()}; shortest {low}, median {middle}, longest {high}',
    )
    for split, ids in (annotations.get('split') or {}).items():
        table.add_row(f'split {split}', str(len(ids)))
    if scores:
        unseen = (np.concatenate(scores) == 0).mean()
        table.add_row('joints with score 0', f'{unseen:.1%}')
    with_phase = sum('phase' in record for record in records)
    table.add_row('with phases', f'{with_phase} of {len(records)}')
    counts = Counter(record.get('label') for record in records)
    for label, count in sorted(counts.items(), key=str):
        known = names is not None and label is not None
        name = names[label] if known else f'label {label}'
        table.add_row(f'activity {name}', str(count))
    return table


def main(argv=None) -> int:
    """Run the checks."""
    args = parse_args(argv)
    # Never cut a message to fit a terminal that is not there.
    console = Console(width=None if sys.stdout.isatty() else 200)
    status = 0
    for path in args.files:
        try:
            annotations = load_annotations(path)
        except (AnnotationError, FileNotFoundError) as error:
            console.print(f'[bold]{path}[/]: cannot be read: {error}')
            status = 2
            continue
        problems = check_annotations(annotations, args.features)
        if not problems:
            console.print(f'[bold]{path}[/]: no problems')
            console.print(health(annotations))
            continue
        status = max(status, 1)
        table = Table('record', 'field', 'expected', 'found')
        for problem in problems:
            table.add_row(*problem)
        console.print(f'[bold]{path}[/]: {len(problems)} problems')
        console.print(table)
    return status


if __name__ == '__main__':
    sys.exit(main())
