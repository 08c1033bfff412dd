"""Find a moment of a sequence in others, the nearest first."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..writers.formats import FOLDER_SUFFIXES, OUTPUTS, output_suffix
from .archive_options import add_archive
from .archive_search import (
    add_archive_search,
    check_archive_search,
    check_no_archive_search,
    search_archive,
)
from .model_options import (
    add_first_and_others,
    add_model_options,
    check_others,
)
from .options import add_outputs, bounded, check_outputs

if TYPE_CHECKING:
    from ..apis import AlignmentInferencer, EmbeddedSequence

EXPECTED = (ValueError, IndexError, ImportError)

# How many are found unless -k says.
SEQUENCES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa search``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} Exits with 1 if inputs were left out, with 2 if it could '
        'not be done.'
    )
    parser.epilog = (
        'Example: masa search a.mp4 others/*.mp4 --second 1.5; in an archive '
        'of "masa ingest", a moment or all that the query shows: masa search '
        'squat.mp4 --archive archive.db -o found.html'
    )
    add_first_and_others(parser, 'query', 'others')
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument(
        '--frame',
        type=int,
        metavar='N',
        help='of the query, counted from 0; negative from the end',
    )
    moment.add_argument(
        '--second',
        type=bounded(float, 0),
        metavar='S',
        help='of the query; the frame nearest to it is taken',
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        '--index',
        type=Path,
        metavar='FILE.faiss',
        help='search this index of "masa index", not the other inputs',
    )
    add_archive(where, required=False)
    parser.add_argument(
        '-k',
        type=bounded(int, 1),
        help='how many sequences, or moments of an archive, to find (default: '
        '5); of occurrences in an archive, the best (default: all)',
    )
    add_outputs(
        parser,
        '.csv or .json: what was found; a folder or .zip: pictures of '
        'it, of sequences; .html: a page that plays it, of occurrences in an '
        'archive',
    )
    add_archive_search(parser)
    add_model_options(parser)


def check_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """End with a message if the output cannot be written.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
        args (argparse.Namespace): The parsed arguments.
    """
    if args.archive is not None:
        check_archive_search(parser, args)
        return
    check_no_archive_search(parser, args)
    if args.frame is None and args.second is None:
        parser.error('--frame or --second, or an --archive, is expected')
    if args.index is None:
        check_others(parser, args)
    check_outputs(parser, args.output, OUTPUTS['search'], args.overwrite)
    for path in args.output:
        if args.index and output_suffix(path) in FOLDER_SUFFIXES:
            parser.error(
                f'{path} is for pictures, which an index does not hold: give '
                'the sequences as inputs in the place of --index'
            )


def run(args: argparse.Namespace) -> int:
    """Search, and show what was found.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Returns:
        int: The exit status.
    """
    if args.archive is not None:
        return search_archive(args)
    # PyTorch takes seconds to import, and the help does not need it.
    from rich.table import Table

    from ..apis import FrameIndex
    from ..writers.key_frames import pictures_of_matches, write_pictures
    from .embedded_inputs import frame_at, run_on_first
    from .tables import print_table, write_columns

    def search(
        inferencer: AlignmentInferencer,
        query: EmbeddedSequence,
        others: list[EmbeddedSequence],
    ) -> None:
        frame, count = args.frame, args.k or SEQUENCES
        if frame is None:
            frame = frame_at(query, args.second)
        if args.index is None:
            names = [one.name for one in others]
            matches = inferencer.retrieve(query, frame, others, count)
            seconds = [others[m.sequence].seconds(m.frame) for m in matches]
        else:
            index = FrameIndex.load(args.index)
            names = index.names
            matches = inferencer.retrieve(query, frame, index, count)
            seconds = [index.seconds(m.sequence, m.frame) for m in matches]
        columns = dict(
            sequence=[names[match.sequence] for match in matches],
            frame=[match.frame for match in matches],
            second=seconds,
            distance=[match.distance for match in matches],
        )
        table = Table('sequence', 'frame', 'time [s]', 'distance')
        for name, found, second, distance in zip(
            *columns.values(), strict=True
        ):
            time = '' if second is None else f'{second:.3f}'
            table.add_row(name, str(found), time, f'{distance:.4g}')
        print_table(table)
        what = f'frame {frame} of {query.name} in {len(matches)} sequences'
        for path in args.output:
            if output_suffix(path) in FOLDER_SUFFIXES:
                pictures = pictures_of_matches(
                    query, frame, others, matches, inferencer.limits
                )
                write_pictures(path, pictures, what)
            else:
                write_columns(path, columns, what)

    return run_on_first(args, search)
