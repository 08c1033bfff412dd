"""Options of tools that extract features or poses."""

import argparse
from pathlib import Path

from ..extraction.limits import DEFAULT_LIMITS
from .options import (
    ANNOTATION_SUFFIXES,
    add_overwrite,
    add_skip_broken,
    bounded,
    check_output,
)


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
        '--output', type=Path, required=True, help=f'folder for the {content}'
    )
    parser.add_argument(
        '--ann-file',
        type=Path,
        required=True,
        help='annotation file to write: .pkl, .npz or .json',
    )
    add_overwrite(parser)
    known = parser.add_mutually_exclusive_group()
    add_labels(known)
    known.add_argument(
        '--merge',
        type=Path,
        metavar='ANN_FILE',
        help=f'annotation file whose records get the {content}',
    )
    parser.add_argument(
        '--replace',
        action='store_true',
        help=f'with --merge: in the place of the {content} (and with --phases '
        'of the phases) that the file has',
    )
    add_phases_file(parser)


def add_labels(group: argparse._ActionsContainer) -> None:
    """Add the file of labels, for :func:`read_labels`.

    Args:
        group (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    group.add_argument(
        '--labels',
        type=Path,
        metavar='FILE.csv',
        help='columns sequence, activity, split (default: no activity, all '
        'in the split train)',
    )


def add_phases_file(parser: argparse.ArgumentParser) -> None:
    """Add the file of phases, for :func:`masa.datasets.frame_labels`.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
    """
    parser.add_argument(
        '--phases',
        type=Path,
        metavar='FILE.csv',
        help='phases of the frames: columns sequence, start, end (seconds), '
        'phase, or frames: see docs/data.md',
    )


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Add options that choose one of several people.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
    """
    person = parser.add_argument_group('person')
    person.add_argument(
        '--person',
        type=bounded(int, 1),
        default=1,
        metavar='RANK',
        help='who of several, by size and score over the whole sequence '
        '(default: 1, the most prominent one)',
    )
    person.add_argument(
        '--min-found',
        type=bounded(float, 0, 1),
        default=0.5,
        metavar='SHARE',
        help='of the frames that must show the person for the sequence to be '
        'of use (default: %(default)s)',
    )


def add_running_options(parser: argparse.ArgumentParser):
    """Add device, limits and dry run of an extraction.

    Args:
        parser (argparse.ArgumentParser): Of the tool.

    Returns:
        argparse._ArgumentGroup: For more options of the kind.
    """
    running = parser.add_argument_group('running')
    running.add_argument(
        '--device', help='such as cuda:0 (default: cuda where there is one)'
    )
    add_skip_broken(running)
    add_limits(running)
    running.add_argument(
        '--dry-run', action='store_true', help='only list what would be done'
    )
    return running


def add_limits(group: argparse._ActionsContainer) -> None:
    """Add limits of the videos and images that are decoded.

    Args:
        group (argparse._ActionsContainer): The tool's parser, or a group of
            it.
    """
    group.add_argument(
        '--max-pixels',
        type=bounded(int, 1),
        default=DEFAULT_LIMITS.max_pixels,
        metavar='N',
        help='refuse videos and images of more pixels a frame (default: '
        f'{DEFAULT_LIMITS.max_pixels:,}, twice those of 8K)',
    )
    group.add_argument(
        '--max-seconds',
        type=bounded(float, 0, open_low=True),
        default=DEFAULT_LIMITS.max_seconds,
        metavar='SECONDS',
        help='refuse longer videos (default: '
        f'{DEFAULT_LIMITS.max_seconds:,.0f}, six hours)',
    )


def check_files(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End the program if a path cannot be used.

    Args:
        parser (argparse.ArgumentParser): Of the tool.
        args (argparse.Namespace): Parsed.
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
