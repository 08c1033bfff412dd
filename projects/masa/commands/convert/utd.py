"""Turn UTD-MHAD's official Kinect skeletons into an annotation file."""

import argparse

from ...datasets.errors import AnnotationError
from ..conversion import (
    Converted,
    add_output,
    check_annotation_file,
    read_mat_files,
    run_conversion,
)
from ..options import add_options, folder

EXPECTED = (AnnotationError,)
check_arguments = check_annotation_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert utd``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if files were left out, with 2 '
        'if it could not be done.'
    )
    parser.epilog = (
        'Example: masa convert utd '
        'UTD-MHAD/Skeleton data/utd_mhad.pkl --val-subjects 7'
    )
    parser.add_argument(
        'skeletons',
        type=folder,
        help='folder of the skeleton files, a1_s1_t1_skeleton.mat on',
    )
    add_output(parser)
    add_options(parser, 'skip-broken')
    parser.add_argument(
        '--val-subjects',
        type=int,
        nargs='+',
        default=(),
        metavar='SUBJECT',
        help='subjects of the training split (1, 3, 5, 7) that make a split '
        '"val" (default: none)',
    )
    parser.add_argument(
        '--subjects',
        type=int,
        nargs='+',
        metavar='SUBJECT',
        help='the only subjects to convert (default: all that are there)',
    )


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations."""
    # The help needs none of them.
    from ...datasets.utd_mhad import make_annotations, read_skeleton_file

    sequences, problems = read_mat_files(
        args.skeletons, read_skeleton_file, args.skip_broken
    )
    annotations = make_annotations(sequences, args.subjects, args.val_subjects)
    return Converted(annotations, [], problems)


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    return run_conversion(args, args.skeletons, convert)
