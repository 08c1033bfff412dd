"""Turn poses of mmpose, OpenPose or AlphaPose into an annotation file."""

import argparse
import sys
from pathlib import Path

from masa.datasets.conversion_cli import add_output, check_arguments
from masa.extraction.command_line import (
    add_labels,
    add_person_options,
    add_phases_file,
    check_person,
)
from masa.support.broken_inputs import add_skip_broken


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} The format is found out by the content. Exits '
        'with 1 if sequences were left out, with 2 if it could not be done.',
        epilog='Example: python tools/dataset_converters/pose_files.py '
        'openpose_json data/mine.pkl --labels labels.csv --frame-rate 30',
    )
    parser.add_argument(
        'inputs',
        type=Path,
        nargs='+',
        metavar='INPUT',
        help='.json files, and folders of them',
    )
    add_output(parser)
    add_labels(parser)
    add_phases_file(parser)
    parser.add_argument(
        '--frame-rate',
        type=float,
        metavar='HZ',
        help='frames per second of all sequences, which the files do not say',
    )
    parser.add_argument(
        '--layout',
        metavar='NAME',
        help='of the joints, such as COCO_17 (default: what the file says, '
        'or what its format has of that number)',
    )
    add_person_options(parser)
    add_skip_broken(parser)
    args = parser.parse_args(argv)
    check_arguments(parser, args)
    check_person(parser, args)
    return args


def main(argv=None) -> int:
    """Run the conversion."""
    args = parse_args(argv)
    from masa.datasets.errors import AnnotationError
    from masa.extraction.errors import ExtractionError
    from masa.support.command_line import end_with_status

    return end_with_status(
        lambda: _convert(args), (AnnotationError, ExtractionError)
    )


def _convert(args: argparse.Namespace) -> int:
    from masa.datasets.conversion import save_checked
    from masa.datasets.conversion_cli import next_step
    from masa.datasets.frame_labels import add_phases
    from masa.pose_files.conversion import make_annotations

    annotations, problems = make_annotations(
        args.inputs,
        args.labels,
        args.layout,
        args.person,
        args.min_found,
        args.frame_rate,
        args.skip_broken,
    )
    remarks = []
    if args.phases is not None:
        annotations, remarks = add_phases(annotations, args.phases)
    save_checked(annotations, args.output, args.inputs[0])
    joints = len(annotations['skeleton']['joints'])
    for record in annotations['annotations']:
        score = record['keypoint_score'][0]
        print(
            f'{record["frame_dir"]}: {record["total_frames"]} frames, found '
            f'in {int((score > 0).any(-1).sum())}, {joints} joints'
        )
    for remark in remarks:
        print(remark)
    print(next_step(annotations, args.output))
    for name, problem in problems.items():
        print(f'left out: {name}: {problem}', file=sys.stderr)
    return int(bool(problems))


if __name__ == '__main__':
    sys.exit(main())
