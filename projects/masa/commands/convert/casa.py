"""Turn CASA's data files into an annotation file."""

import argparse
from pathlib import Path

from ...datasets.errors import AnnotationError
from ..conversion import (
    Converted,
    add_output,
    check_annotation_file,
    run_conversion,
)
from ..options import add_options

EXPECTED = (AnnotationError,)
check_arguments = check_annotation_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert casa``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = __doc__
    parser.epilog = (
        'Example: masa convert casa npyrecords/golf_swing_train.npy '
        'npyrecords/golf_swing_val.npy data/golf.pkl'
    )
    parser.add_argument(
        'files',
        type=Path,
        nargs='+',
        metavar='FILE.npy',
        help='files named by activity and split, such as golf_swing_train.npy',
    )
    add_output(parser)
    add_options(parser, 'body-model', 'val-share', 'test-share', 'seed')


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations, and say what they leave out."""
    # The help does not need it.
    from ...pose_files.casa import make_annotations

    annotations, blind = make_annotations(
        args.files,
        args.body_model,
        args.val_share,
        args.seed,
        args.test_share,
    )
    remarks = []
    if blind:
        remarks.append(f'left out, no joint is found: {", ".join(blind)}')
    return Converted(annotations, remarks, {})


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    return run_conversion(args, args.files[0], convert)
