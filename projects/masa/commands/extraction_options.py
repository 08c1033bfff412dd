"""Options of the tools that extract features or poses."""

import argparse
from pathlib import Path

from ..writers.formats import ANNOTATION_SUFFIXES
from .options import add_options, check_output


def add_sequence_options(
    parser: argparse.ArgumentParser, content: str
) -> None:
    """Add inputs, outputs and labels of an extraction.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
        content (str): What is extracted, such as ``features``.
    """
    parser.add_argument(
        'inputs',
        type=Path,
        nargs='+',
        metavar='INPUT',
        help='video files, folders of videos, folders of images',
    )
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        required=True,
        help=f'folder for the {content}',
    )
    parser.add_argument(
        '--ann-file',
        type=Path,
        required=True,
        help='annotation file to write: .pkl, .npz or .json',
    )
    add_options(parser, 'overwrite')
    known = parser.add_mutually_exclusive_group()
    add_options(known, 'labels')
    known.add_argument(
        '--merge',
        type=Path,
        metavar='ANN_FILE',
        help=f'annotation file whose records get the {content}',
    )
    parser.add_argument(
        '--replace',
        action='store_true',
        help=f'with --merge: replace the {content} (and with --phases the '
        'phases) that the file has',
    )
    add_options(parser, 'phases')


def add_running_options(parser: argparse.ArgumentParser):
    """Add device, limits and dry run of an extraction.

    Args:
        parser (argparse.ArgumentParser): Of the tool.

    Returns:
        argparse._ArgumentGroup: For more options of the kind.
    """
    running = parser.add_argument_group('running')
    add_options(running, 'device', 'skip-broken', 'max-pixels', 'max-seconds')
    running.add_argument(
        '--dry-run', action='store_true', help='only list what would be done'
    )
    return running


def check_files(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End the program if a path cannot be used.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
        args (argparse.Namespace): The parsed arguments.
    """
    check_output(parser, args.ann_file, ANNOTATION_SUFFIXES, args.overwrite)
    if args.replace and args.merge is None:
        parser.error('--replace goes with --merge')
    for name, value in vars(args).items():
        if (
            name.endswith('weights')
            and isinstance(value, Path)
            and not value.is_file()
        ):
            parser.error(f'there is no file {value}')
