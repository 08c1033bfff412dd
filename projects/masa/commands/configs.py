"""List the configs that come with masa, or print the path of one."""

import argparse

from ..support.shipped_configs import config_names, config_paths

# Those of the operating system, as of a pipe that ends.
EXPECTED = ()


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


def run(args: argparse.Namespace) -> None:
    """Print the names or the path.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    if args.name is None:
        print(*config_names(), sep='\n')
    else:
        print(*config_paths(args.name))
