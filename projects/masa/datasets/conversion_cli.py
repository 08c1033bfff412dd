"""What the command lines of the converters have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .errors import AnnotationError

if TYPE_CHECKING:
    from rich.table import Table

Sequence = TypeVar('Sequence')


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the output file.

    Args:
        parser (argparse.ArgumentParser): Gets ``output`` and
            ``--overwrite``.
    """
    parser.add_argument(
        'output', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output file'
    )


def add_hold_out(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a validation split.

    Args:
        parser (argparse.ArgumentParser): Gets ``--val-share`` and
            ``--seed``.
    """
    parser.add_argument(
        '--val-share',
        type=float,
        default=0.0,
        help='share of the training sequences of every activity that makes a '
        'split "val" (default: 0, none)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of that draw (default: 0)'
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End the program if the output or the share cannot be used.

    Args:
        parser (argparse.ArgumentParser): Says so.
        args (argparse.Namespace): Its arguments.
    """
    for name in ('val_share', 'test_share'):
        share = getattr(args, name, 0)
        if not 0 <= share < 1:
            parser.error(
                f'--{name.replace("_", "-")} is {share}, expected in [0, 1)'
            )
    if args.output.suffix not in ('.pkl', '.npz', '.json'):
        parser.error(f'{args.output} is expected to be .pkl, .npz or .json')
    if args.output.exists() and not args.overwrite:
        parser.error(f'{args.output} exists; --overwrite replaces it')


def read_files(
    paths: Iterable[Path], read: Callable[[Path], Sequence]
) -> tuple[list[Sequence], dict[str, str]]:
    """Read a sequence from each of many files.

    Args:
        paths (Iterable[Path]): The files.
        read (Callable[[Path], Sequence]): Reads one; raises
            :class:`AnnotationError` if it cannot be used.

    Returns:
        tuple[list[Sequence], dict[str, str]]: The sequences, and why other
        files cannot be used, by the name of the file.
    """
    sequences, problems = [], {}
    for path in paths:
        try:
            sequences.append(read(path))
        except AnnotationError as error:
            problems[path.stem] = str(error)
    return sequences, problems


def summary(annotations: dict) -> Table:
    """Tabulate what annotations hold, by activity.

    Args:
        annotations (dict): With splits that have no record in common.

    Returns:
        Table: To print.
    """
    import numpy as np
    from rich.table import Table

    from .record_checks import label_of

    splits = annotations['split']
    split_of = {name: split for split in splits for name in splits[split]}
    table = Table('activity', *splits, 'with phases', 'invisible joints')
    records = annotations['annotations']
    groups = [
        (activity, [r for r in records if label_of(r) == label])
        for label, activity in enumerate(annotations['activities'])
    ]
    unknown = [r for r in records if label_of(r) < 0]
    if unknown:
        groups.append(('not known', unknown))
    for activity, group in [*groups, ('all', records)]:
        kinds = [split_of[record['frame_dir']] for record in group]
        scores = [
            r['keypoint_score'].ravel() for r in group if 'keypoint_score' in r
        ]
        table.add_row(
            activity,
            *(str(kinds.count(split)) for split in splits),
            str(sum('phase' in record for record in group)),
            f'{(np.concatenate(scores) == 0).mean():.1%}'
            if scores
            else 'no joints',
        )
    return table


def next_step(annotations: dict, output: Path) -> str:
    """Say what was written, and how to look at it.

    Args:
        annotations (dict): What was written.
        output (Path): Where.

    Returns:
        str: One line.
    """
    return (
        f'{output}: {len(annotations["annotations"])} sequences; next: '
        f'python tools/check_data.py {output}'
    )
