"""Add phases, labelled in a spreadsheet, to an annotation file."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ..conversion import (
    add_output,
    check_annotation_file,
    next_step,
)
from ..options import add_options

EXPECTED = (AnnotationError,)
check_arguments = check_annotation_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert phases``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = __doc__
    parser.epilog = (
        'Example: masa convert phases '
        'data/videos.pkl phases.csv data/videos_phases.pkl'
    )
    parser.add_argument(
        'annotations', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    parser.add_argument(
        'phases',
        type=Path,
        help='CSV: columns sequence, phase, and start and end in seconds, or '
        'start_frame and end_frame, or frame, counted from 0',
    )
    add_output(parser)
    parser.add_argument(
        '--replace',
        action='store_true',
        help='put the phases in the place of those that records have',
    )
    add_options(parser, 'frame-rate')


def run(args: argparse.Namespace) -> None:
    """Add the phases.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    from ...datasets.annotation import load_annotations
    from ...datasets.conversion import save_checked
    from ...datasets.frame_labels import add_phases
    from ...datasets.schema import check_annotations

    annotations = load_annotations(args.annotations)
    problems = check_annotations(annotations)
    if problems:
        raise AnnotationError(
            f'{args.annotations} has {len(problems)} problems, the first of '
            f'which is {problems[0]}: see "masa check"'
        )
    annotations, remarks = add_phases(
        annotations, args.phases, args.replace, args.frame_rate
    )
    save_checked(annotations, args.output, args.phases)
    for remark in remarks:
        print(remark)
    count = sum('phase' in one for one in annotations['annotations'])
    print(f'{count} records with phases')
    print(next_step(annotations, args.output))
