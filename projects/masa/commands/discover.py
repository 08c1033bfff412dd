"""Find the activities that recur in an archive, to look through and name."""

from __future__ import annotations

import argparse

from ..writers.formats import OUTPUTS, PAGE_SUFFIX, output_suffix
from .archive_options import add_archive, add_filter, open_archive
from .options import add_outputs, bounded, check_outputs

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa discover``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = f'{__doc__} Exits with 2 if it could not be done.'
    parser.epilog = (
        'Example: masa discover --archive archive.db -o activities.html; '
        'name them there, then masa ingest --archive archive.db --labels '
        'labels.csv'
    )
    add_archive(parser)
    add_filter(parser)
    add_outputs(
        parser,
        '.html: a page of typical pictures, which saves the names that '
        'are given as labels; .csv: the stretches of all activities, labeled '
        'by numbers',
    )
    parser.add_argument(
        '--smallest',
        type=bounded(int, 2),
        default=10,
        metavar='N',
        help='seconds of an activity in the archive, at least (default: '
        '%(default)s)',
    )


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    check_outputs(parser, args.output, OUTPUTS['discover'], args.overwrite)


def run(args: argparse.Namespace) -> None:
    """Find the activities, and print and write them.

    Args:
        args (argparse.Namespace): The parsed arguments.
    """
    from rich.table import Table

    from ..archive import discover_activities, parse_conditions
    from ..archive.activities_page import activities_page
    from ..support.files import atomic_path
    from .tables import print_table, write_columns

    condition = parse_conditions(args.filter)
    pages = [
        path for path in args.output if output_suffix(path) == PAGE_SUFFIX
    ]
    with open_archive(args.archive) as archive:
        found = discover_activities(archive, condition, args.smallest)
        page = activities_page(archive, found) if pages else ''
    table = Table('activity', 'seconds', 'stretches', 'sequences', 'typical')
    for number, stays in enumerate(found, 1):
        table.add_row(
            str(number),
            f'{sum(one.end - one.start for one in stays):.0f}',
            str(len(stays)),
            str(len({one.sequence.id for one in stays})),
            f'{stays[0].sequence.name}, {stays[0].middle:.1f} s',
        )
    if found:
        print_table(table)
    print(f'{args.archive}: {len(found)} activities recur')
    for path in args.output:
        if path in pages:
            with atomic_path(path) as temporary:
                temporary.write_text(page, encoding='utf-8')
            print(f'{path}: pictures of {len(found)} activities')
            continue
        rows = [
            (one.sequence.name, round(one.start, 2), round(one.end, 2), label)
            for label, stays in enumerate(found, 1)
            for one in stays
        ]
        columns = {
            name: [row[i] for row in rows]
            for i, name in enumerate(('sequence', 'start', 'end', 'label'))
        }
        write_columns(path, columns, f'{len(rows)} stretches')
