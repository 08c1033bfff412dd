"""Options of the commands that use an archive, and how it is opened."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..archive import Archive

# Holds USER:PASSWORD of a server, which is no argument, as all users of a
# machine see these.
TOKEN = 'MASA_ARCHIVE_TOKEN'


def add_archive(
    parser: argparse._ActionsContainer, required: bool = True
) -> None:
    """Add ``--archive``, its address.

    Args:
        parser (argparse._ActionsContainer): The command's parser.
        required (bool): Whether it has to be given. Defaults to True.
    """
    parser.add_argument(
        '--archive',
        required=required,
        metavar='URI',
        help='a file that ends in .db, or a Milvus server, '
        f'http://HOST:19530; {TOKEN} is USER:PASSWORD of a server',
    )


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add ``--filter``, which sequences of the archive are meant.

    Args:
        parser (argparse.ArgumentParser): The command's parser.
    """
    parser.add_argument(
        '--filter',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME=VALUE',
        help='of the archive, take this activity, person or date only; '
        'several of one name are alternatives; "date>=2026-01-31" and '
        '"date<=..." are ranges',
    )


def open_archive(uri: str, model: str = '') -> Archive:
    """Prepare an archive, to be opened by a ``with`` statement.

    Args:
        uri (str): Its address.
        model (str): Version of the model. Defaults to '', the only one that
            there is.

    Returns:
        Archive: The archive.

    Raises:
        ValueError: If it is no such address.
    """
    from ..archive import Archive

    return Archive(uri, model, os.environ.get(TOKEN, ''))
