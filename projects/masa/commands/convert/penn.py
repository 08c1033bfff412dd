"""Turn Penn Action's official labels into an annotation file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ...datasets.errors import AnnotationError
from ..conversion import (
    Converted,
    add_output,
    check_annotation_file,
    read_mat_files,
    run_conversion,
)
from ..options import add_options, folder

if TYPE_CHECKING:
    from ...datasets.key_events import Phases

EXPECTED = (AnnotationError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert penn``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if files were left out, with 2 '
        'if it could not be done.'
    )
    parser.epilog = (
        'Example: masa convert penn '
        'Penn_Action/labels data/penn_action.pkl --activities 13 '
        '--phases key_events.json --val-share 0.2'
    )
    parser.add_argument(
        'labels', type=folder, help='folder of the label files, 0001.mat on'
    )
    add_output(parser)
    add_options(parser, 'skip-broken')
    parser.add_argument(
        '--phases',
        type=Path,
        nargs='+',
        metavar='FILE',
        help='phase labels: one JSON file of key events, or the pickles of '
        'CARL (train.pkl val.pkl)',
    )
    parser.add_argument(
        '--only-labeled',
        action='store_true',
        help='leave out sequences without phase labels',
    )
    parser.add_argument(
        '--activities',
        choices=['13', 'all'],
        default='13',
        help='the thirteen activities that have key events, or all fifteen '
        '(default: 13)',
    )
    add_options(parser, 'val-share', 'test-share', 'seed')


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_annotation_file(parser, args)
    suffixes = {path.suffix.lower() for path in args.phases or ()}
    if '.json' in suffixes and len(args.phases) > 1:
        parser.error('--phases takes one JSON file, or pickles alone')
    if args.only_labeled and args.phases is None:
        parser.error('--only-labeled needs --phases')


def read_phases(paths: list[Path] | None, sequences: list) -> Phases | None:
    """Read phase labels from whichever kind of file is given."""
    from ...datasets.key_events import phases_from_key_events
    from ...datasets.penn_action import activity_name, phases_from_pickles

    if paths is None:
        return None
    if paths[0].suffix.lower() == '.json':
        return phases_from_key_events(paths[0], sequences, activity_name)
    return phases_from_pickles(paths, sequences)


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations, and say what they leave out."""
    # The help needs none of them.
    from ...datasets.penn_action import (
        THIRTEEN_ACTIVITIES,
        make_annotations,
        read_label_file,
    )

    sequences, problems = read_mat_files(
        args.labels, read_label_file, args.skip_broken
    )
    if args.activities == '13':
        sequences = [s for s in sequences if s.activity in THIRTEEN_ACTIVITIES]
    phases = read_phases(args.phases, sequences)
    if args.only_labeled:
        sequences = [s for s in sequences if s.name in phases.labels]
        if not sequences:
            raise AnnotationError(
                f'{args.phases[0]}: phase labels of a sequence below '
                f'{args.labels} are expected, but there are none'
            )
    annotations, blind = make_annotations(
        sequences, phases, args.val_share, args.seed, args.test_share
    )
    remarks = []
    if blind:
        remarks.append(
            f'left out, no joint is ever visible: {", ".join(blind)}'
        )
    if phases is not None and phases.resampled:
        remarks.append(
            f'{len(phases.resampled)} sequences had phase labels of another '
            'length, which were resampled'
        )
    if phases is not None and phases.unmatched:
        remarks.append(
            f'{len(phases.unmatched)} sequences with phase labels are not '
            'among those converted'
        )
    if 'test' not in annotations['split']:
        remarks.append(
            'no sequence of the official test split is among the labels, so '
            'there is no split "test"'
        )
    return Converted(annotations, remarks, problems)


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    return run_conversion(args, args.labels, convert)
