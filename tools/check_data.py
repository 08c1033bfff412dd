"""Check annotation files: list every problem, and what the data is like."""

import argparse
import sys
from pathlib import Path


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Without --config, notices tell what the '
        'recipes of this project need or choose beyond that. Exits with 1 if '
        'there are problems, with 2 if a file cannot be read; notices do not '
        'count.',
        epilog='Example: python tools/check_data.py data/penn_action.pkl '
        '--config configs/masa_penn_pose2d.py',
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
        help='find everything that training and testing with this config '
        'would refuse of its annotation file, or of FILE in its place',
    )
    args = parser.parse_args(argv)
    if not args.files and args.config is None:
        parser.error('a FILE, --config or both are expected')
    return args


def main(argv=None) -> int:
    """Run the checks."""
    args = parse_args(argv)
    # The help does not wait for it.
    from masa.commands.check_data import run_checks

    return run_checks(args)


if __name__ == '__main__':
    sys.exit(main())
