"""Write the joints of an annotation file as a plain table."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ...datasets.skeletons import LAYOUTS
from ..options import add_options, bounded, check_output

EXPECTED = (AnnotationError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert joints``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Joints of videos: masa extract skeletons writes an '
        'annotation file.'
    )
    parser.epilog = (
        'Example: masa convert joints data/videos.pkl data/joints.csv'
    )
    parser.add_argument(
        'annotations', type=Path, help='annotation file: .pkl, .npz or .json'
    )
    parser.add_argument(
        'output',
        type=Path,
        help='.csv: a row for each frame; columns sequence, frame, time '
        '(seconds) and of every joint, such as left_knee, left_knee_x, '
        'left_knee_y, left_knee_z and left_knee_score',
    )
    add_options(parser, 'overwrite', 'frame-rate')
    parser.add_argument(
        '--layout',
        choices=LAYOUTS,
        metavar='NAME',
        help='of the joints, if the file does not say it: '
        f'{", ".join(LAYOUTS)}',
    )
    parser.add_argument(
        '--person',
        type=bounded(int, 1),
        metavar='N',
        help='who of several people, from 1 (default: the only one)',
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_output(parser, args.output, ['.csv'], args.overwrite)


def run(args: argparse.Namespace) -> None:
    """Write the table.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    from ...datasets.records import read_records
    from ...writers.joints_table import write_joints

    records = read_records(args.annotations)
    count = write_joints(
        *(args.output, records, LAYOUTS.get(args.layout), args.person),
        args.frame_rate,
    )
    print(f'{args.output}: {count} frames of {len(records)} sequences')
