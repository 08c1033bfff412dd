"""Turn pose files of other programs into an annotation file."""

import argparse
import re
import sys
from pathlib import Path

from ...datasets.errors import AnnotationError
from ...extraction.errors import ExtractionError
from ..conversion import (
    add_output,
    check_annotation_file,
    next_step,
)
from ..options import add_options

EXPECTED = (AnnotationError, ExtractionError, ImportError)
check_arguments = check_annotation_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa convert poses``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Those of mmpose, OpenPose, AlphaPose, COCO, MediaPipe, '
        'DeepLabCut, SLEAP and Anipose are read, and tables with columns such '
        'as nose_x; the format is found out by the content. Exits '
        'with 1 if sequences were left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa convert poses '
        'openpose_json data/mine.pkl --labels labels.csv --frame-rate 30'
    )
    parser.add_argument(
        'inputs',
        type=Path,
        nargs='+',
        metavar='INPUT',
        help='pose files, and folders of them: see docs/pose_files.md',
    )
    add_output(parser)
    add_options(parser, 'labels', 'phases', 'frame-rate')
    parser.add_argument(
        '--layout',
        metavar='NAME',
        help='of the joints, such as COCO_17 (default: what the file says, '
        'or what its format has of that number)',
    )
    parser.add_argument(
        '--image-size',
        type=_size,
        metavar='WIDTHxHEIGHT',
        help='of the pictures in pixels, for files whose positions are shares '
        'of it, as those of MediaPipe',
    )
    add_options(parser, 'body-model', 'person', 'min-found', 'skip-broken')


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r'(\d+)x(\d+)', text)
    if found is None or not (int(found[1]) and int(found[2])):
        raise argparse.ArgumentTypeError(
            f'{text!r} is expected to be the width and the height in pixels, '
            'such as 1920x1080'
        )
    return int(found[1]), int(found[2])


def run(args: argparse.Namespace) -> int:
    """Run the conversion.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    from ...datasets.conversion import save_checked
    from ...datasets.frame_labels import add_phases
    from ...pose_files.conversion import make_annotations

    annotations, problems = make_annotations(
        args.inputs,
        args.labels,
        args.layout,
        args.person,
        args.min_found,
        args.frame_rate,
        args.skip_broken,
        args.image_size,
        args.body_model,
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
