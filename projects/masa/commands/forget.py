"""Delete sequences from an archive, such as all of a person."""

from __future__ import annotations

import argparse

from .archive_options import add_archive, open_archive

EXPECTED = (ValueError, ImportError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``masa forget``.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.description = (
        f'{__doc__} The sources themselves, and what is kept of videos in '
        'the cache (masa doctor tells where), stay. Exits with 2 if there '
        'is nothing of the kind, or it could not be done.'
    )
    parser.epilog = 'Example: masa forget --archive archive.db --person Ann'
    add_archive(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--person', metavar='NAME', help='delete all sequences of a person'
    )
    which.add_argument(
        '--sequence', metavar='NAME', help='delete the sequence of this name'
    )


def run(args: argparse.Namespace) -> None:
    """Delete the sequences.

    Args:
        args (argparse.Namespace): The parsed arguments.

    Raises:
        ValueError: If there are none.
    """
    from ..archive.milvus import quote

    field = 'name' if args.person is None else 'person'
    value = args.sequence if args.person is None else args.person
    with open_archive(args.archive) as archive:
        deleted = archive.delete(f'{field} == {quote(value)}')
        if not deleted:
            raise ValueError(
                f'{args.archive} has no sequence whose {field} is {value!r}; '
                'capitals count'
            )
        left = len(archive.sequences())
    archive.milvus.reclaim()
    for one in deleted:
        print(f'deleted: {one.name} ({one.source})')
    print(f'{args.archive}: {len(deleted)} deleted, {left} left')
