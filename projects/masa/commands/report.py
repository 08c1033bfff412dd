"""Write one HTML page with the metrics and all figures of a training."""

import argparse
import time
from pathlib import Path

from .options import check_output
from .run_drawing import add_run_options, check_metrics, draw_figures

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa report``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The page needs no other file. Exits with 2 if it could '
        'not be done.'
    )
    parser.epilog = 'Example: masa report work_dirs/masa_demo'
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        metavar='FILE.html',
        help='(default: WORK_DIR/report.html)',
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
    if args.output is None:
        args.output = args.work_dir / 'report.html'
    check_output(parser, args.output, ['.html'], args.overwrite)
    check_metrics(parser, args)


def run(args: argparse.Namespace) -> None:
    """Draw the figures and write the page.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    # The help does not need it.
    from ..visualization.report import write_report

    start = time.monotonic()
    write_report(args.output, *draw_figures(args))
    print(f'{args.output}: written in {time.monotonic() - start:.0f} s')
