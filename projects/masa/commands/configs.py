"""List the configs that come with masa, or print the path of one."""

import argparse

from ..support.command_line import end_with_status
from ..support.shipped_configs import config_names, config_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa configs``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = __doc__
    parser.epilog = (
        'Example: masa configs masa_demo. A config of your own inherits from '
        "it by _base_ = __import__('masa').config_paths('masa_demo')."
    )
    parser.add_argument(
        'name', nargs='?', help='print the path of this one (default: list)'
    )


def run(args: argparse.Namespace) -> int:
    """Print the names or the path.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """

    def show() -> None:
        if args.name is None:
            print(*config_names(), sep='\n')
        else:
            print(*config_paths(args.name))

    return end_with_status(show)
