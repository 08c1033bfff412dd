"""Add phases, labeled in a spreadsheet, to an annotation file."""

import argparse
import sys
from pathlib import Path

from masa.datasets.conversion_cli import add_output, check_arguments


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='Example: python tools/dataset_converters/add_phases.py '
        'data/videos.pkl phases.csv data/videos_phases.pkl',
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
    parser.add_argument(
        '--frame-rate',
        type=float,
        metavar='HZ',
        help='frames per second of the sequences whose records do not say',
    )
    args = parser.parse_args(argv)
    check_arguments(parser, args)
    return args


def main(argv=None) -> int:
    """Add the phases."""
    args = parse_args(argv)
    from masa.datasets.errors import AnnotationError
    from masa.support.command_line import end_with_status

    return end_with_status(lambda: _add(args), (AnnotationError,))


def _add(args: argparse.Namespace) -> None:
    from masa.datasets.annotation import load_annotations
    from masa.datasets.conversion import save_checked
    from masa.datasets.conversion_cli import next_step
    from masa.datasets.errors import AnnotationError
    from masa.datasets.frame_labels import add_phases
    from masa.datasets.schema import check_annotations

    annotations = load_annotations(args.annotations)
    problems = check_annotations(annotations)
    if problems:
        raise AnnotationError(
            f'{args.annotations} has {len(problems)} problems, the first of '
            f'which is {problems[0]}: see tools/check_data.py'
        )
    annotations, remarks = add_phases(
        annotations, args.phases, args.replace, args.frame_rate
    )
    save_checked(annotations, args.output, args.phases)
    for remark in remarks:
        print(remark)
    count = sum('phase' in record for record in annotations['annotations'])
    print(f'{count} records with phases')
    print(next_step(annotations, args.output))


if __name__ == '__main__':
    sys.exit(main())
