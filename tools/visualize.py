"""Draw the figures of a training, or a page with all that is known of it."""

import argparse
import sys
import time
from pathlib import Path

from masa.commands.options import add_options
from masa.datasets.text_files import read_json
from masa.support.command_line import end_with_status
from masa.support.files import atomic_path


def parse_args(argv=None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=f'{__doc__} Exits with 2 if it could not be done.',
        epilog='Example: python tools/visualize.py report work_dirs/masa_demo',
    )
    commands = parser.add_subparsers(dest='command', required=True)
    report = commands.add_parser(
        'report', help='one HTML page that needs no other file'
    )
    report.add_argument(
        '--output',
        type=Path,
        metavar='FILE.html',
        help='(default: WORK_DIR/report.html)',
    )
    figures = commands.add_parser('figures', help='a file for every figure')
    figures.add_argument(
        '--output', type=Path, required=True, metavar='FOLDER'
    )
    figures.add_argument(
        '--format', choices=['png', 'pdf', 'svg'], default='png'
    )
    for command in (report, figures):
        command.add_argument(
            'work_dir', type=Path, help='of the training, with its config'
        )
        command.add_argument(
            '--metrics',
            type=Path,
            metavar='FILE.json',
            help='of tools/test.py (default: the newest in the work '
            'directory)',
        )
        command.add_argument(
            '--only', nargs='+', metavar='NAME', help='these figures only'
        )
        add_options(command, 'weights', 'unsafe-load', 'device')
    args = parser.parse_args(argv)
    if args.metrics is None:
        found = sorted(args.work_dir.glob('*/metrics.json'))
        args.metrics = found[-1] if found else None
    elif not args.metrics.is_file():
        parser.error(f'there is no file {args.metrics}')
    return args


def main(argv=None) -> int:
    """Draw what is asked for."""
    args = parse_args(argv)
    return end_with_status(lambda: _run(args), (ValueError,))


def _run(args: argparse.Namespace) -> None:
    # PyTorch takes seconds to import, and the help does not need it.
    from masa.visualization.report import write_report
    from masa.visualization.run_figures import RunFigures

    start = time.monotonic()
    metrics = None
    if args.metrics is not None:
        metrics = read_json(args.metrics)
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
            continue
        drawn.append((name, caption, figure))
    if args.command == 'report':
        output = args.output or args.work_dir / 'report.html'
        write_report(output, run, drawn)
        print(f'{output}: written in {time.monotonic() - start:.0f} s')
        return
    for name, _, figure in drawn:
        path = args.output / f'{name}.{args.format}'
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=150)
        print(path)


if __name__ == '__main__':
    sys.exit(main())
