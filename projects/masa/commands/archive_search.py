"""The part of ``masa search`` that searches an archive."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..writers.formats import PAGE_SUFFIX, TABLE_SUFFIXES, output_suffix
from .archive_options import add_filter, open_archive
from .model_options import add_tolerance
from .options import add_options, bounded, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence
    from ..archive.search import FoundMoment, FoundOccurrence

# How many moments are found unless -k says, and occurrences on a page.
MOMENTS, ON_PAGE = 5, 20


def add_archive_search(parser: argparse.ArgumentParser) -> None:
    """Add the options of a search in an archive.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    group = parser.add_argument_group('in an archive')
    add_filter(group)
    add_tolerance(group, 'how far an occurrence may differ')
    group.add_argument(
        '--mirrored',
        action='store_true',
        help='find mirror images as well, such as the other arm',
    )
    group.add_argument(
        '--stretches',
        type=bounded(int, 1),
        default=50,
        metavar='N',
        help='how many of the stretches that are most like the query are '
        'searched for occurrences; more find more, and take longer (default: '
        '%(default)s)',
    )
    add_options(group, 'height')


def check_archive_search(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if arguments do not go with an archive.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.others:
        parser.error(
            f'{args.others[0]} is not expected: of --archive the query alone '
            'is given; "masa ingest" adds sequences'
        )
    is_moment = not (args.frame is None and args.second is None)
    suffixes = TABLE_SUFFIXES if is_moment else (*TABLE_SUFFIXES, PAGE_SUFFIX)
    check_outputs(parser, args.output, suffixes, args.overwrite)
    if is_moment and (args.mirrored or args.tolerance is not None):
        parser.error(
            '--mirrored and --tolerance are for occurrences: leave out '
            '--frame and --second'
        )


def check_no_archive_search(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if there are options of an archive without one.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.filter or args.mirrored or args.tolerance is not None:
        parser.error(
            '--filter, --mirrored and --tolerance are for an --archive; '
            '"masa find" finds occurrences in a recording'
        )


def search_archive(args: argparse.Namespace) -> int:
    """Search an archive, and show what was found.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    from ..archive import model_version, parse_conditions
    from ..archive.search import find_moment, find_occurrences_in
    from .embedded_inputs import frame_at, run_on_first
    from .pages import write_archive_page

    def search(
        inferencer: AlignmentInferencer,
        query: EmbeddedSequence,
        _: list[EmbeddedSequence],
    ) -> None:
        condition = parse_conditions(args.filter)
        archive = open_archive(args.archive, model_version(inferencer))
        frame = args.frame
        if args.second is not None:
            frame = frame_at(query, args.second)
        if frame is not None:
            with archive:
                moments = find_moment(
                    *(archive, inferencer, query, frame),
                    args.k or MOMENTS,
                    condition,
                )
            _show_moments(args, query, frame, moments)
            return
        with archive:
            found = find_occurrences_in(
                *(archive, inferencer, query, condition),
                *(args.tolerance, args.mirrored, args.stretches),
            )[: args.k]
        _show_occurrences(args, query, found)
        for path in args.output:
            if output_suffix(path) == PAGE_SUFFIX:
                write_archive_page(
                    *(path, inferencer, query, found[:ON_PAGE]), args.height
                )

    return run_on_first(args, search, parts=True)


def _show_moments(
    args: argparse.Namespace,
    query: EmbeddedSequence,
    frame: int,
    found: list[FoundMoment],
) -> None:
    from rich.table import Table

    from .tables import print_table, write_columns

    table = Table('sequence', 'time [s]', 'distance', 'source')
    for one in found:
        table.add_row(
            *(one.sequence.name, f'{one.second:.2f}', f'{one.distance:.4g}'),
            one.sequence.source,
        )
    if found:
        print_table(table)
    print(f'{args.archive}: {len(found)} moments found')
    columns = dict(
        sequence=[one.sequence.name for one in found],
        second=[one.second for one in found],
        distance=[one.distance for one in found],
        source=[one.sequence.source for one in found],
        person=[one.sequence.person for one in found],
        date=[one.sequence.date for one in found],
        activity=[one.sequence.activity_at(one.second) for one in found],
    )
    for path in args.output:
        what = f'{len(found)} moments like frame {frame} of {query.name}'
        write_columns(path, columns, what)


def _show_occurrences(
    args: argparse.Namespace,
    query: EmbeddedSequence,
    found: list[FoundOccurrence],
) -> None:
    from rich.table import Table

    from .tables import print_table, write_columns

    table = Table('', 'sequence', 'start', 'end', 'score', 'source')
    for number, (sequence, one, _) in enumerate(found, 1):
        mark = ' (mirrored)' if one.mirrored else ''
        table.add_row(
            *(str(number), f'{sequence.name}{mark}'),
            *(f'{one.start:.2f} s', f'{one.end:.2f} s', f'{one.score:.2f}'),
            sequence.source,
        )
    if found:
        print_table(table)
    count = len({one.sequence.id for one in found})
    print(f'{args.archive}: {len(found)} found in {count} sequences')
    shown = [one.occurrence for one in found]
    columns = {
        'sequence': [one.sequence.name for one in found],
        'start [s]': [one.start for one in shown],
        'end [s]': [one.end for one in shown],
        'first frame': [one.start_frame for one in shown],
        'last frame': [one.end_frame - 1 for one in shown],
        'score': [round(one.score, 4) for one in shown],
        'mirrored': [one.mirrored for one in shown],
        'source': [one.sequence.source for one in found],
        'person': [one.sequence.person for one in found],
        'date': [one.sequence.date for one in found],
        'activity': [
            one.sequence.activity_at(one.occurrence.start) for one in found
        ],
    }
    for path in args.output:
        if output_suffix(path) in TABLE_SUFFIXES:
            what = f'{len(found)} occurrences of {query.name}'
            write_columns(path, columns, what)
