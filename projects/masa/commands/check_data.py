"""Checks of annotation files by ``masa check``."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..datasets.annotation import AnnotationError, load_annotations
from ..datasets.packed_poses import name_pose_files, unpack_poses
from ..datasets.problem import Problem
from ..datasets.recipe_checks import check_for_recipes
from ..datasets.record_checks import label_of
from ..datasets.schema import check_annotations, record_name


def run_checks(args: argparse.Namespace) -> int:
    """Run the checks that the command line asks for, and print the result.

    Args:
        args (argparse.Namespace): Arguments of ``masa check``.

    Returns:
        int: The exit status: 0, 1 if there are problems, 2 if a file cannot
        be read.
    """
    # Without a terminal, never cut a message to its width.
    console = Console(width=None if sys.stdout.isatty() else 200)
    check = check_alone if args.config is None else check_with_config
    return max(check(path, args, console) for path in args.files or [None])


def health(annotations: dict) -> Table:
    """Tabulate lengths, splits and labels of valid annotations by activity."""
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
        groups.setdefault(label_of(record), []).append(
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
    # Steps of some activities come in any order and again, which is valid.
    phases = np.asarray(phases)
    steps = np.diff(phases[phases >= 0])
    return bool(np.isin(steps, (0, 1)).all())


def _unseen(group: list) -> str:
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


def check_file(
    path: Path, features: str | None, poses: str | None
) -> tuple[dict, list[Problem]]:
    """Check a file by itself.

    Args:
        path (Path): The annotation file.
        features (str, optional): Folder of the feature files to check.
        poses (str, optional): Folder of the files of poses to check.

    Returns:
        tuple[dict, list[Problem]]: Its annotations, poses unpacked, and the
        problems.

    Raises:
        AnnotationError: If the file cannot be read.
        OSError: If there is none.
    """
    annotations = load_annotations(path)
    if poses is not None:
        annotations = name_pose_files(annotations)
    problems = check_annotations(annotations, features)
    if not problems:
        records, problems = unpack_poses(annotations['annotations'], poses)
        annotations = dict(annotations, annotations=records)
        problems = problems or check_annotations(annotations)
    return annotations, problems


def check_alone(path: Path, args: argparse.Namespace, console: Console) -> int:
    """Check a file by itself, print what was found, return the status."""
    name = f'[bold]{escape(str(path))}[/]'
    try:
        annotations, problems = check_file(path, args.features, args.poses)
    except (AnnotationError, OSError) as error:
        console.print(f'{name}: cannot be read: {escape(str(error))}')
        return 2
    if problems:
        console.print(f'{name}: problems: {len(problems)}')
        console.print(listing(dict.fromkeys(problems, ())))
        return 1
    notices = list(check_for_recipes(annotations))
    console.print(f'{name}: no problems, notices: {len(notices)}')
    console.print(health(annotations))
    for notice in notices:
        console.print(f'notice: {escape(_printable(str(notice)))}')
    if notices:
        console.print(
            'notices matter to some recipes only: --config CONFIG finds what '
            'training and testing with a config would refuse'
        )
    return 0


def check_with_config(
    path: Path | None, args: argparse.Namespace, console: Console
) -> int:
    """Check what a config's loaders read; print it, return the status."""
    # Imports PyTorch, which the other checks do without.
    from ..datasets.loader_checks import check_loaders
    from ..support.config_checks import exit_on_wrong_config, read_config

    name = f'[bold]{escape(args.config)}[/]'
    if path is not None:
        name = f'[bold]{escape(str(path))}[/] with {name}'
    try:
        config = read_config(args.config)
        exit_on_wrong_config(config, args.config)
        problems = check_loaders(
            config, path and str(path), args.features, args.poses
        )
    except (ValueError, OSError) as error:
        console.print(f'{name}: cannot be read: {escape(str(error))}')
        return 2
    if not problems:
        console.print(f'{name}: no problems')
        return 0
    console.print(f'{name}: problems: {len(problems)}')
    console.print(listing(problems))
    return 1


def listing(problems: dict[Problem, Sequence[str]]) -> Table:
    """Tabulate problems, with the data loaders that find them, if any."""
    table = Table('record', 'field', 'expected', 'found')
    if any(problems.values()):
        table.add_column('loaders')
    for problem, loaders in problems.items():
        cells = [*problem, ', '.join(loaders)][: len(table.columns)]
        table.add_row(*(escape(_printable(cell)) for cell in cells))
    return table
