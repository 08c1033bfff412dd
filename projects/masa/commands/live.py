"""Follow a camera, a video or poses along a reference, frame by frame."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..writers.formats import (
    OUTPUTS,
    TABLE_SUFFIXES,
    VIDEO_SUFFIXES,
    output_suffix,
)
from .model_options import add_model_options
from .options import add_options, add_outputs, bounded, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa live``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} For every frame it tells the matching moment of the '
        'reference, how sure that is, whether the performer waits before or '
        'after it, and how alike the performance is so far. What is followed '
        'is shown beside the reference, which fades where the confidence is '
        'low. A camera is read until q or Escape is pressed in the window, or '
        'Ctrl-C. Exits with 1 if inputs were left out, with 2 if it could not '
        'be done.'
    )
    parser.epilog = (
        'Example: masa live reference.mp4 --source attempt.mp4 -o live.mp4 '
        '-o live.csv'
    )
    parser.add_argument(
        'first',
        type=Path,
        metavar='REFERENCE',
        help='a video, .npy file or annotation file: one performance',
    )
    parser.add_argument(
        '--reference',
        dest='name',
        metavar='NAME',
        help='name of the reference, where the inputs hold several sequences; '
        '--only names what is followed',
    )
    parser.set_defaults(name_option='--reference')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        '--camera',
        type=bounded(int, 0),
        metavar='N',
        help='number of the camera, from 0; poses are estimated by MediaPipe',
    )
    source.add_argument(
        '--source',
        dest='others',
        nargs=1,
        type=Path,
        default=[],
        metavar='INPUT',
        help='what is followed as if it were live: a video, .npy file or '
        'annotation file',
    )
    add_outputs(
        parser,
        '.mp4 or .gif: the pictures; .csv or .json: time, moment and '
        'frame of the reference, confidence and score of every frame',
        'a camera is shown in a window',
    )
    parser.add_argument(
        '--rate',
        type=bounded(float, 0, open_low=True),
        default=10.0,
        metavar='HZ',
        help='how often a window is embedded (default: %(default)g)',
    )
    parser.add_argument(
        '--no-window',
        action='store_true',
        help='do not show what the camera sees',
    )
    add_options(parser, 'height')
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if there is no output, or it cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['live'], args.overwrite)
    for kind in (VIDEO_SUFFIXES, TABLE_SUFFIXES):
        if sum(output_suffix(path) in kind for path in args.output) > 1:
            parser.error(f'--output is expected to name one of {kind} at most')
    if not args.output and (args.camera is None or args.no_window):
        parser.error('--output FILE is expected: nothing else is shown')


def run(args: argparse.Namespace) -> int:
    """Follow the source and write what was found.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # What these import takes long, and the help does not need it.
    from .embedded_inputs import run_on_first
    from .live_run import LiveRun
    from .live_sources import open_camera, replay

    def follow(
        inferencer: AlignmentInferencer,
        reference: EmbeddedSequence,
        others: list[EmbeddedSequence],
    ) -> None:
        if args.camera is not None:
            source = open_camera(args.camera, inferencer)
        elif len(others) == 1:
            source = replay(others[0], args.height, inferencer.limits)
        else:
            raise ValueError(
                f'one sequence to follow is expected, but there are '
                f'{len(others)}: --only NAME chooses'
            )
        shown = args.camera is not None and not args.no_window
        live = LiveRun(inferencer, reference, source, args.rate, args.height)
        live.write(args.output, shown)

    if args.name is not None and args.others == [args.first]:
        # Both are sequences of one file, which is read once.
        args.others = []
    return run_on_first(args, follow)
