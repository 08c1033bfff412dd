"""What ``masa report`` and ``masa plot`` have in common."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..visualization.run_figures import RunFigures


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the training whose figures are drawn.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.add_argument(
        'work_dir', type=Path, help='of the training, with its config'
    )
    parser.add_argument(
        '--metrics',
        type=Path,
        metavar='FILE.json',
        help='of "masa test" (default: the newest in the work directory)',
    )
    parser.add_argument(
        '--only', nargs='+', metavar='NAME', help='these figures only'
    )
    add_options(parser, 'overwrite', 'weights', 'unsafe-load', 'device')


def check_metrics(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Find the metrics, or end with a message if they are not there.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.metrics is None:
        found = sorted(args.work_dir.glob('*/metrics.json'))
        args.metrics = found[-1] if found else None
    elif not args.metrics.is_file():
        parser.error(f'there is no file {args.metrics}')


def draw_figures(
    args: argparse.Namespace,
) -> tuple[RunFigures, list[tuple[str, str, Figure]]]:
    """Draw the figures that the command line asks for.

    Args:
        args (argparse.Namespace): Of :func:`add_run_options`.

    Returns:
        tuple: The training, and name, caption and figure of each that its
        data allows.

    Raises:
        ValueError: If there is no figure of a name.
        OSError: If the work directory holds no training.
    """
    # PyTorch takes seconds to import, and the help does not need it.
    from ..datasets.text_files import read_json
    from ..visualization.run_figures import RunFigures

    metrics = None if args.metrics is None else read_json(args.metrics)
    run = RunFigures(
        *(args.work_dir, args.weights, metrics, args.device),
        args.unsafe_load,
    )
    wanted = list(run.all())
    names = [name for name, _, _ in wanted]
    unknown = sorted(set(args.only or ()) - set(names))
    if unknown:
        raise ValueError(
            f'there are no figures {", ".join(unknown)}; there are '
            f'{", ".join(names)}'
        )
    drawn = []
    for name, caption, draw in wanted:
        if args.only and name not in args.only:
            continue
        figure = draw()
        if figure is None:
            print(f'{name}: left out, the data does not allow it')
        else:
            drawn.append((name, caption, figure))
    return run, drawn
