"""Estimate the poses of a person in videos."""

import argparse
from pathlib import Path

from ..extraction.backends import BACKENDS
from ..extraction.errors import ExtractionError
from .extraction_options import (
    add_running_options,
    add_sequence_options,
    check_files,
)
from .options import add_options, bounded

EXPECTED = (ExtractionError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa extract skeletons``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} What is finished is kept: the same command '
        'goes on after an interruption. Several processes: torchrun '
        '--nproc-per-node N -m masa extract skeletons ... Exits with 1 if '
        'sequences were left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa extract skeletons videos '
        '--backend mediapipe --target body3d --output data/poses '
        '--ann-file data/videos.pkl'
    )
    add_sequence_options(parser, 'poses')
    parser.add_argument(
        '--backend',
        choices=list(BACKENDS),
        required=True,
        help='mmpose downloads its models, or takes files; mediapipe brings '
        'its own up to version 0.10.21, and newer ones need --pose-weights; '
        'rtmlib runs RTMPose without PyTorch and takes .onnx files',
    )
    parser.add_argument(
        '--target',
        choices=['body2d', 'body3d', 'hands2d', 'hands3d'],
        default='body2d',
        help='pixels or meters (default: %(default)s); hands3d is of '
        'mediapipe alone',
    )
    person = parser.add_argument_group('person')
    add_options(person, 'person', 'min-found')
    models = parser.add_argument_group(
        'models (of mmpose, but for the files that others take)'
    )
    models.add_argument(
        '--pose-model',
        metavar='CONFIG',
        help="file or mmpose::..., of a top-down model with COCO's joints, "
        "for hands COCO-WholeBody's (default: RTMPose-m)",
    )
    models.add_argument(
        '--pose-weights',
        type=Path,
        metavar='FILE',
        help='checkpoint of the pose model; of mediapipe, a .task file, and '
        'of rtmlib an .onnx file',
    )
    models.add_argument(
        '--detector',
        metavar='CONFIG',
        help='file or mmdet::..., whose class 0 is the person; person: '
        "mmpose's default, RTMDet-m; none: a person fills the picture "
        '(default: person); of rtmlib yolox (default), rtmdet or none',
    )
    models.add_argument('--detector-weights', type=Path, metavar='FILE')
    models.add_argument(
        '--lifter',
        metavar='CONFIG',
        help='file or mmpose::..., for body3d (default: MotionBERT)',
    )
    models.add_argument('--lifter-weights', type=Path, metavar='FILE')
    models.add_argument(
        '--random-weights',
        type=int,
        metavar='SEED',
        help='for trying out: the poses mean nothing',
    )
    running = add_running_options(parser)
    add_options(running, 'time-step')
    running.add_argument(
        '--workers',
        type=bounded(int, 1),
        metavar='N',
        help='videos processed at once (default: with mediapipe as many as '
        'there are cores, with mmpose 1)',
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_files(parser, args)
    known = OPTIONS_OF.get(args.backend, MMPOSE_OPTIONS)
    for name in MMPOSE_OPTIONS:
        if getattr(args, name) is not None and name not in known:
            option = f'--{name.replace("_", "-")}'
            parser.error(f'{option} does not go with --backend {args.backend}')
    if args.backend != 'mediapipe' and (args.workers or 1) > 1:
        parser.error(
            '--workers goes with --backend mediapipe; the others divide '
            'videos among the processes of torchrun'
        )


MMPOSE_OPTIONS = (
    *('pose_model', 'detector', 'detector_weights'),
    *('lifter', 'lifter_weights', 'random_weights'),
)
# What other backends have of them.
OPTIONS_OF = dict(mediapipe=(), rtmlib=('detector', 'detector_weights'))


def run(args: argparse.Namespace) -> int:
    """Run the extraction.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..extraction.pose_run import PoseExtraction
    from ..extraction.tool_run import run_extraction

    options = dict(
        target=args.target,
        person=args.person,
        min_found=args.min_found,
        time_step=args.time_step,
        device=args.device,
        max_pixels=args.max_pixels,
        max_seconds=args.max_seconds,
        pose_weights=args.pose_weights,
        **{name: getattr(args, name) for name in MMPOSE_OPTIONS},
    )
    return run_extraction(
        args, lambda: PoseExtraction(args.backend, **options), args.workers
    )
