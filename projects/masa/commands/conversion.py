"""What the command lines of the converters have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..datasets.errors import AnnotationError
from ..support.broken_inputs import show_broken, show_problems
from ..writers.formats import ANNOTATION_SUFFIXES
from .options import add_options, check_output

if TYPE_CHECKING:
    from rich.table import Table

    from ..datasets.conversion import LabeledSequence


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``output``, the annotation file, and ``--overwrite``."""
    parser.add_argument(
        'output', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    add_options(parser, 'overwrite')


def check_annotation_file(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the annotation file cannot be written."""
    check_output(parser, args.output, ANNOTATION_SUFFIXES, args.overwrite)


class Converted(NamedTuple):
    """What a converter made.

    Attributes:
        annotations (dict): To be written.
        remarks (list[str]): What to say about them.
        problems (dict[str, str]): Why files were left out, by name.
    """

    annotations: dict
    remarks: list[str]
    problems: dict[str, str]


class BrokenFilesError(AnnotationError):
    """Files that cannot be used; ``problems`` says why, by name.

    Args:
        problems (dict[str, str]): Why, by the name of the file.
    """

    def __init__(self, problems: dict[str, str]):
        super().__init__(f'{len(problems)} files cannot be used')
        self.problems = problems


def read_mat_files(
    folder: Path, read: Callable[[Path], LabeledSequence], skip_broken: bool
) -> tuple[list[LabeledSequence], dict[str, str]]:
    """Read a sequence from each ``.mat`` file of a folder.

    The result are the sequences, and why other files cannot be used, by the
    name of the file. Unless these may be skipped, and some sequence is left,
    they are a BrokenFilesError; without any file, there is an AnnotationError.
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
    if problems and not (skip_broken and sequences):
        raise BrokenFilesError(problems)
    return sequences, problems


def run_conversion(
    args: argparse.Namespace,
    source: Path,
    convert: Callable[[argparse.Namespace], Converted],
) -> int:
    """Convert, write the annotation file and print what became of it.

    ``source`` is what is converted, for messages. The result is the exit
    status: 0, 1 if files were left out, 2 after an error.
    """
    # The help needs none of them.
    from rich.console import Console

    from ..datasets.conversion import save_checked

    try:
        annotations, remarks, problems = convert(args)
    except BrokenFilesError as error:
        show_broken(error.problems)
        return 2
    save_checked(annotations, args.output, source)
    Console().print(summary(annotations))
    for remark in [*remarks, next_step(annotations, args.output)]:
        print(remark)
    show_problems(problems)
    return int(bool(problems))


def summary(annotations: dict) -> Table:
    """Tabulate what annotations, in separate splits, hold by activity."""
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
    """Say in one line what was written, and how to look at it."""
    return (
        f'{output}: {len(annotations["annotations"])} sequences; next: '
        f'masa check {output}'
    )
