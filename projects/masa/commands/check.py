"""Check annotation files: list every problem, and what the data is like."""

import argparse
from pathlib import Path

from .options import config_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa check``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Without --config, notices tell what the '
        'recipes of this project need or choose beyond that. Exits with 1 if '
        'there are problems, with 2 if a file cannot be read; notices do not '
        'count.'
    )
    parser.epilog = (
        'Example: masa check data/penn_action.pkl --config masa_penn_pose2d'
    )
    parser.add_argument(
        'files',
        type=Path,
        nargs='*',
        metavar='FILE',
        help='annotation files; with --config its own by default',
    )
    parser.add_argument(
        '--features',
        metavar='FOLDER',
        help='check the feature files too, their paths relative to FOLDER',
    )
    parser.add_argument(
        '--poses',
        metavar='FOLDER',
        help='check the files of poses too that records name as raw_file, '
        'relative to FOLDER, or that are FOLDER/<id>.pkl',
    )
    parser.add_argument(
        '--config',
        type=config_file,
        help='find everything that training and testing with this config '
        'would refuse of its annotation file, or of FILE in its place',
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if not args.files and args.config is None:
        parser.error('a FILE, --config or both are expected')


def run(args: argparse.Namespace) -> int:
    """Run the checks.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    # The help does not wait for it.
    from .check_data import run_checks

    return run_checks(args)
