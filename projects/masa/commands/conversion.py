"""What the converters of datasets have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..datasets.errors import AnnotationError
from .options import ANNOTATION_SUFFIXES, add_options, check_output

if TYPE_CHECKING:
    from rich.table import Table

Converted = TypeVar('Converted')


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``output`` and ``--overwrite``.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
    """
    parser.add_argument(
        'output', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    add_options(parser, 'overwrite')


def check_annotation_file(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End the program if the output of :func:`add_output` cannot be used.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
        args (argparse.Namespace): Parsed.
    """
    check_output(parser, args.output, ANNOTATION_SUFFIXES, args.overwrite)


def read_mat_files(
    folder: Path, read: Callable[[Path], Converted]
) -> tuple[list[Converted], dict[str, str]]:
    """Read a sequence from each MATLAB file of a folder.

    Args:
        folder (Path): The folder.
        read (Callable[[Path], Converted]): Reads one file; raises
            :class:`AnnotationError` if it cannot be used.

    Returns:
        tuple[list[Converted], dict[str, str]]: The sequences, and why other
        files cannot be used, by the name of the file.

    Raises:
        AnnotationError: If the folder holds no such files.
    """
    paths = sorted(folder.glob('*.mat'))
    if not paths:
        raise AnnotationError(f'{folder} holds no *.mat files')
    sequences, problems = [], {}
    for path in paths:
        try:
            sequences.append(read(path))
        except AnnotationError as error:
            problems[path.stem] = str(error)
    return sequences, problems


def write_annotations(
    annotations: dict,
    output: Path,
    source: Path,
    remarks: Iterable[str] = (),
) -> None:
    """Check annotations, write them, and print what they hold.

    Args:
        annotations (dict): What a converter made.
        output (Path): The annotation file.
        source (Path): What they were made from, for errors.
        remarks (Iterable[str]): Lines to print.

    Raises:
        AnnotationError: If they are not valid.
    """
    from rich.console import Console

    from ..datasets.conversion import save_checked

    save_checked(annotations, output, source)
    Console().print(_summary(annotations))
    for remark in remarks:
        print(remark)
    print(next_step(annotations, output))


def _summary(annotations: dict) -> Table:
    """Tabulate what annotations hold, by activity.

    Args:
        annotations (dict): With splits that have no record in common.

    Returns:
        Table: To print.
    """
    import numpy as np
    from rich.table import Table

    from ..datasets.record_checks import label_of

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
