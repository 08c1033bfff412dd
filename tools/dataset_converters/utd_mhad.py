"""Turn UTD-MHAD's official Kinect skeletons into an annotation file."""

import argparse
import sys

from masa.commands.conversion import (
    Converted,
    add_output,
    check_annotation_file,
    read_mat_files,
    run_conversion,
)
from masa.commands.options import add_options, folder


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 1 if files were left out, with 2 '
        'if it could not be done.',
        epilog='Example: python tools/dataset_converters/utd_mhad.py '
        'UTD-MHAD/Skeleton data/utd_mhad.pkl --val-subjects 7',
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
    args = parser.parse_args(argv)
    check_annotation_file(parser, args)
    return args


def convert(args: argparse.Namespace) -> Converted:
    """Make the annotations."""
    # The help needs none of them.
    from masa.datasets.utd_mhad import make_annotations, read_skeleton_file

    sequences, problems = read_mat_files(
        args.skeletons, read_skeleton_file, args.skip_broken
    )
    annotations = make_annotations(sequences, args.subjects, args.val_subjects)
    return Converted(annotations, [], problems)


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    return run_conversion(args, args.skeletons, convert)


if __name__ == '__main__':
    sys.exit(main())
