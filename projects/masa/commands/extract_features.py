"""Compute features of the frames of videos with a frozen image model."""

import argparse
import os
from pathlib import Path

from ..extraction.errors import ExtractionError
from ..extraction.model_names import ALIASES
from .extraction_options import (
    add_running_options,
    add_sequence_options,
    check_files,
)
from .options import bounded

EXPECTED = (ExtractionError,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa extract features``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} What is finished is kept: the same command '
        'goes on after an interruption. Several processes: torchrun '
        '--nproc-per-node N -m masa extract features ... Exits with 1 if '
        'sequences were left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa extract features videos '
        '--output data/features --ann-file data/videos.pkl --amp'
    )
    add_sequence_options(parser, 'features')
    model = parser.add_argument_group('model')
    model.add_argument(
        '--model',
        default='dinov2_giant',
        help=f'{", ".join(ALIASES)}, or any of timm (default: %(default)s, '
        "the paper's)",
    )
    source = model.add_mutually_exclusive_group()
    source.add_argument(
        '--weights',
        type=Path,
        metavar='FILE',
        help="weights, .safetensors or PyTorch's (default: timm downloads "
        'them; those of efficientnet_lite0 come with the extra features)',
    )
    source.add_argument(
        '--random-weights',
        type=int,
        metavar='SEED',
        help='for trying out: the features mean nothing',
    )
    model.add_argument(
        '--image-size',
        type=bounded(int, 1),
        metavar='PIXELS',
        help="side of the model's input (default: 224 for DINOv2, else the "
        "model's own)",
    )
    model.add_argument(
        '--crop-mode',
        choices=['center', 'squash', 'border'],
        help="cut the middle out, distort or pad (default: the model's own, "
        'mostly center)',
    )
    model.add_argument(
        '--dtype',
        choices=['float16', 'float32'],
        default='float32',
        help='of the features (default: float32)',
    )
    running = add_running_options(parser)
    running.add_argument('--batch-size', type=bounded(int, 1), default=32)
    running.add_argument(
        '--workers',
        type=bounded(int, 1),
        default=min(8, os.cpu_count() or 1),
        help='threads of every process that prepare frames (default: '
        '%(default)s)',
    )
    running.add_argument(
        '--amp', action='store_true', help='mixed precision, on CUDA'
    )
    running.add_argument(
        '--amp-dtype',
        choices=['bfloat16', 'float16'],
        help='with --amp (default: bfloat16 where the GPU has it)',
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
    if args.amp_dtype and not args.amp:
        parser.error('--amp-dtype goes with --amp')


def run(args: argparse.Namespace) -> int:
    """Run the extraction.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..extraction.feature_run import FeatureExtraction
    from ..extraction.tool_run import run_extraction

    names = (
        *('model', 'weights', 'image_size', 'crop_mode', 'dtype'),
        *('batch_size', 'workers', 'amp', 'amp_dtype', 'device'),
        *('random_weights', 'max_pixels', 'max_seconds'),
    )
    options = {name: getattr(args, name) for name in names}
    return run_extraction(args, lambda: FeatureExtraction(**options))
