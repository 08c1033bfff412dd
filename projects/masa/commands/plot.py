"""Draw the figures of a training, a file for each."""

import argparse
from pathlib import Path

from ..support.files import atomic_path
from .run_drawing import add_run_options, check_metrics, draw_figures

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa plot``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = f'{__doc__} Exits with 2 if it could not be done.'
    parser.epilog = 'Example: masa plot work_dirs/masa_demo -o figures'
    parser.add_argument(
        '-o', '--output', type=Path, required=True, metavar='FOLDER'
    )
    parser.add_argument(
        '--format', choices=['png', 'pdf', 'svg'], default='png'
    )
    add_run_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the arguments cannot be used.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_metrics(parser, args)


def run(args: argparse.Namespace) -> None:
    """Draw the figures and write them.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    _, drawn = draw_figures(args)
    paths = [args.output / f'{name}.{args.format}' for name, _, _ in drawn]
    there = [str(path) for path in paths if path.exists()]
    if there and not args.overwrite:
        raise ValueError(f'{", ".join(there)} exists; --overwrite replaces it')
    for path, (_, _, figure) in zip(paths, drawn, strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=150)
        print(path)
    print(f'{args.output}: {len(paths)} figures')
