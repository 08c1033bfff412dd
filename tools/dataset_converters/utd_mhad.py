"""Turn UTD-MHAD's official Kinect skeletons into an annotation file."""

import argparse
import sys
from pathlib import Path

from masa.datasets.conversion_cli import (
    add_output,
    check_arguments,
    next_step,
    read_files,
    summary,
)
from masa.support.broken_inputs import (
    add_skip_broken,
    show_broken,
    show_problems,
)


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
        type=Path,
        help='folder of the skeleton files, a1_s1_t1_skeleton.mat on',
    )
    add_output(parser)
    add_skip_broken(parser)
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
    check_arguments(parser, args)
    if not args.skeletons.is_dir():
        parser.error(f'there is no folder {args.skeletons}')
    return args


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    # The help needs none of them.
    from rich.console import Console

    from masa.datasets import AnnotationError
    from masa.datasets.conversion import save_checked
    from masa.datasets.utd_mhad import (
        keep_subjects,
        make_annotations,
        read_skeleton_file,
    )

    try:
        paths = sorted(args.skeletons.glob('*.mat'))
        if not paths:
            raise AnnotationError(f'{args.skeletons} holds no *.mat files')
        sequences, problems = read_files(paths, read_skeleton_file)
        if problems and not (args.skip_broken and sequences):
            show_broken(problems)
            return 2
        if args.subjects:
            sequences = keep_subjects(sequences, args.subjects)
        annotations = make_annotations(sequences, args.val_subjects)
        save_checked(annotations, args.output, args.skeletons)
    except AnnotationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    Console().print(summary(annotations))
    print(next_step(annotations, args.output))
    show_problems(problems)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
