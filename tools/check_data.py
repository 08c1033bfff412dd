"""Check annotation files: list every problem, and what the data is like."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table


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
    """Tabulate what annotations without problems hold, by activity."""
    import numpy as np
    from rich.markup import escape
    from rich.table import Table

    from masa.datasets.schema import record_name

    records = annotations['annotations']
    splits = annotations.get('split') or {}
    splits_of: dict[str, list[str]] = {}
    for split, ids in splits.items():
        for one in ids:
            splits_of.setdefault(one, []).append(split)
    names = annotations.get('activities')
    table = Table(
        'activity',
        *map(escape, splits),
        'all',
        'frames: shortest',
        '25%',
        'median',
        '75%',
        'longest',
        'joints unseen',
        'with phases',
        'phases in order',
        'with features',
    )
    groups: dict[int, list] = {}
    for number, record in enumerate(records):
        label = -1 if record.get('label') is None else int(record['label'])
        groups.setdefault(label, []).append(
            (record_name(record, number), record)
        )
    rows = [
        (_activity(label, names), groups[label]) for label in sorted(groups)
    ]
    if len(rows) > 1:
        rows.append(('all', [one for _, group in rows for one in group]))
    for activity, group in rows:
        counts = Counter(
            split for name, _ in group for split in splits_of.get(name, ())
        )
        lengths = [record['total_frames'] for _, record in group]
        table.add_row(
            escape(activity),
            *(str(counts[split]) for split in splits),
            str(len(group)),
            *(
                f'{length:.0f}'
                for length in np.percentile(lengths, [0, 25, 50, 75, 100])
            ),
            _unseen(group),
            _share('phase' in record for _, record in group),
            _share(
                _in_order(record['phase'])
                for _, record in group
                if 'phase' in record
            ),
            _share('feature_path' in record for _, record in group),
        )
    return table


def _activity(label: int, names: list[str] | None) -> str:
    if label < 0:
        return 'no label'
    return names[label] if names else f'label {label}'


def _share(which: Iterable[bool]) -> str:
    which = list(which)
    return f'{sum(which) / len(which):.0%}' if which else '-'


def _in_order(phases: np.ndarray) -> bool:
    import numpy as np

    # Steps of some activities come in any order and again, which is valid.
    phases = np.asarray(phases)
    steps = np.diff(phases[phases >= 0])
    return bool(np.isin(steps, (0, 1)).all())


def _unseen(group: list) -> str:
    import numpy as np

    scores = [
        np.asarray(record['keypoint_score'])
        for _, record in group
        if 'keypoint_score' in record
    ]
    total = sum(score.size for score in scores)
    if not total:
        joints = any('keypoint' in record for _, record in group)
        return 'no scores' if joints else 'no joints'
    return f'{sum((score == 0).sum() for score in scores) / total:.1%}'


def _printable(text: str) -> str:
    # An id may hold what no encoding has.
    return text.encode('utf-8', 'backslashreplace').decode('utf-8')


def main(argv=None) -> int:
    """Run the checks."""
    args = parse_args(argv)
    # The help needs none of them.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from masa.datasets import (
        AnnotationError,
        check_annotations,
        load_annotations,
    )

    # Never cut a message to fit a terminal that is not there.
    console = Console(width=None if sys.stdout.isatty() else 200)
    status = 0
    for path in args.files:
        name = f'[bold]{escape(str(path))}[/]'
        try:
            annotations = load_annotations(path)
        except (AnnotationError, OSError) as error:
            console.print(f'{name}: cannot be read: {escape(str(error))}')
            status = 2
            continue
        problems = check_annotations(annotations, args.features)
        if not problems:
            console.print(f'{name}: no problems')
            console.print(health(annotations))
            continue
        status = max(status, 1)
        table = Table('record', 'field', 'expected', 'found')
        for problem in problems:
            table.add_row(*(escape(_printable(part)) for part in problem))
        console.print(f'{name}: problems: {len(problems)}')
        console.print(table)
    return status


if __name__ == '__main__':
    sys.exit(main())
