"""Add videos and pose files to an archive, to search among many."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .archive_options import add_archive, open_archive
from .model_options import add_reading_options, model_arguments
from .options import bounded

if TYPE_CHECKING:
    from ..archive.ingestion import Report

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa ingest``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} What is there already is left as it is, and what an '
        'interrupted ingestion left is finished. Exits with 1 if inputs were '
        'left out, with 2 if it could not be done.'
    )
    parser.epilog = (
        'Example: masa ingest recordings --archive archive.db --metadata '
        'table.csv'
    )
    parser.add_argument(
        'sources',
        nargs='*',
        type=Path,
        metavar='SOURCE',
        help='videos, pose files, folders of either, annotation files '
        '(default: none, to change what is known by --metadata or --labels)',
    )
    add_archive(parser)
    parser.add_argument(
        '--metadata',
        type=Path,
        metavar='FILE.csv',
        help='columns sequence, person, date (YYYY-MM-DD), activity',
    )
    parser.add_argument(
        '--labels',
        type=Path,
        metavar='FILE.csv',
        help='activities of stretches: columns sequence, start, end '
        '(seconds), label, such as "masa discover" helps to write',
    )
    parser.add_argument(
        '--refresh',
        action='store_true',
        help='embed anew, from the joints that are kept, what another model '
        'embedded',
    )
    running = parser.add_mutually_exclusive_group()
    running.add_argument(
        '--workers',
        type=bounded(int, 1),
        metavar='N',
        help='sources that are read at once, each in a process (default: one '
        'for each core)',
    )
    running.add_argument(
        '--ray',
        metavar='ADDRESS',
        help='read them on a Ray cluster, on which the paths are the same: '
        'its address, auto for the one of this machine, or local to start '
        'one; with --device cuda each has a GPU',
    )
    add_reading_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if there is nothing to do.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if not (args.sources or args.metadata or args.labels or args.refresh):
        parser.error('a SOURCE, --metadata, --labels or --refresh is expected')


def run(args: argparse.Namespace) -> int:
    """Read the sources, and write them into the archive.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..archive.ingestion import ingest
    from ..archive.sequences import model_version
    from ..archive.sources import Settings, find_sources
    from ..extraction.parallel import available_cores
    from ..support.broken_inputs import show_problems
    from ..support.wording import listed

    known = _read_known(args)
    settings = Settings(**model_arguments(args))
    inferencer = settings.load()
    archive = open_archive(args.archive, model_version(inferencer))
    sources, problems = find_sources(args.sources)
    with Progress(
        console=Console(stderr=True), transient=True, expand=True
    ) as progress:
        if args.refresh:
            with archive:
                old = archive.sequences(f'model != "{archive.model}"')
                task = progress.add_task('Embedding again', total=len(old))
                for _ in archive.refresh(inferencer):
                    progress.advance(task)
            print(f'{args.archive}: {len(old)} sequences embedded again')
        task = progress.add_task('Ingesting', total=len(sources))
        report = ingest(
            *(archive, sources, settings, known),
            args.workers or available_cores(),
            args.ray,
            lambda: progress.advance(task),
        )
    report.problems.update(problems)
    names = {one.name for one in report.archived}
    for name in known.keys() - names:
        report.problems[name] = (
            'the table names it, but the archive has no such sequence'
        )
    show_problems(report.problems)
    if report.duplicates:
        pairs = [f'{a} as {b}' for a, b in report.duplicates.items()]
        print(f'there already under another name: {listed(pairs)}')
    print(_summary(report))
    hours = sum(one.duration for one in report.archived) / 3600
    count = len(report.archived)
    print(f'{args.archive}: {count} sequences, {hours:.2f} hours')
    return 1 if report.problems else 0


def _read_known(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    from ..archive.sources import read_metadata, read_stretches

    known: dict[str, dict[str, Any]] = {}
    if args.metadata is not None:
        known = read_metadata(args.metadata)
    if args.labels is not None:
        for name, fields in read_stretches(args.labels).items():
            known[name] = known.get(name, {}) | fields
    return known


def _summary(report: Report) -> str:
    speed = report.frames / report.seconds if report.seconds else 0
    return (
        f'{len(report.added)} added ({report.frames} frames, '
        f'{report.moments} moments, {speed:.0f} frames/s), '
        f'{len(report.present)} there already, {len(report.described)} '
        f'described anew, {len(report.problems)} left out'
    )
