"""A connection to Milvus: a server, or a file of Milvus Lite."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..support.extras import explain_missing
from .errors import ArchiveError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# Rows of one request; FLOAT16 vectors take time with the square of it.
ROWS = 250
# What a server searches by: a choice of its own.
SERVER_INDEX = 'AUTOINDEX'
# Ids in one filter.
IDS = 500
# Rows that an iterator fetches at a time, and what Milvus finds at most.
BATCH, MOST_FOUND = 2000, 16384
# Seconds that a request may take; reading a large file into memory is one.
_TIMEOUT = 600.0
# Bytes that are to be free beside a file: Milvus Lite waits forever once the
# disk is full.
_FREE = 2**26
# Bytes of a file up to which nothing was lost: of two million rows Milvus Lite
# 2.5.1 lost a request of 250 without an error.
LARGEST = 2**30
# What Milvus Lite takes as the name of a file.
_FILE_NAME = re.compile(r'[A-Za-z0-9._-]{1,33}\.db')
# Seconds between two attempts at a file that is in use.
_AGAIN = 0.2


def is_file(uri: str) -> bool:
    """Tell whether an address is a file of Milvus Lite, not a server.

    Args:
        uri (str): The address.

    Returns:
        bool: True if so.
    """
    return '://' not in uri


def check_uri(uri: str) -> str:
    """Check the address of an archive.

    Args:
        uri (str): A file that ends in ``.db``, or ``http://HOST:PORT``.

    Returns:
        str: The same.

    Raises:
        ValueError: If it is neither.
    """
    if is_file(uri) and not _FILE_NAME.fullmatch(Path(uri).name):
        raise ValueError(
            f'the archive {uri!r} is expected to be a server '
            '(http://HOST:19530) or a file whose name ends in .db and has up '
            'to 36 letters, digits, dots, dashes and underscores, such as '
            'archive.db'
        )
    return uri


class Milvus:
    """A connection to Milvus, open within a ``with`` statement.

    One process at a time can use a file of Milvus Lite: others wait. A
    server takes many.

    Args:
        uri (str): A file that ends in ``.db``, or ``http://HOST:PORT``.
        token (str): ``USER:PASSWORD`` of a server. Defaults to none.
        patience (float): Seconds after which waiting for a file that another
            process uses is an error. Defaults to 120.

    Raises:
        ImportError: If pymilvus is not installed.
        ValueError: If the address is neither.
    """

    def __init__(self, uri: str, token: str = '', patience: float = 120.0):
        self.uri = check_uri(uri)
        self.token = token
        self.patience = patience
        self._lock: IO | None = None
        self._home: tempfile.TemporaryDirectory | None = None
        self._client: MilvusClient | None = None
        self._loaded: set[str] = set()

    def __enter__(self) -> Milvus:
        if is_file(self.uri):
            self._lock = self._wait_for_file()
        try:
            client = _client_class(self.uri)
            with _as_archive_error(self.uri), self._own_home():
                self._client = client(self.uri, token=self.token)
        except BaseException:
            self._unlock()
            raise
        return self

    def reclaim(self) -> None:
        """Erase what was deleted from a file, while it is not open.

        Deleted rows can be read in the file until then. A server erases them
        by itself, in time.
        """
        if is_file(self.uri):
            with (
                self._wait_for_file(),
                closing(sqlite3.connect(self.uri)) as file,
            ):
                file.execute('VACUUM')

    def __exit__(self, *_) -> None:
        self._client.close()
        self._client = None
        self._loaded.clear()
        if is_file(self.uri):
            from milvus_lite.server_manager import server_manager_instance

            # Else it would keep the file open until this process ends.
            server_manager_instance.release_server(self.uri)
        self._unlock()

    @contextmanager
    def _own_home(self) -> Iterator[None]:
        """Let Milvus Lite begin with a home folder of its own.

        It creates ``~/.cache/milvus`` and removes it at its end, also from
        under one that another process has just begun.
        """
        if not is_file(self.uri):
            yield
            return
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        before = os.environ.get('HOME')
        os.environ['HOME'] = self._home.name
        try:
            yield
        finally:
            os.environ.pop('HOME')
            if before is not None:
                os.environ['HOME'] = before

    def has(self, collection: str) -> bool:
        """Tell whether there is a collection."""
        with _as_archive_error(self.uri):
            return self._client.has_collection(collection)

    def collections(self) -> list[str]:
        """List the collections."""
        with _as_archive_error(self.uri):
            return self._client.list_collections()

    def create(
        self, collection: str, fields: dict[str, tuple[str, dict]], vector: str
    ) -> None:
        """Create a collection.

        Args:
            collection (str): Its name.
            fields (dict): Milvus's type and its options by field, of which
                the first is the primary key.
            vector (str): The field that is searched, by squared Euclidean
                distance: exactly in a file, by Milvus's choice of an index
                on a server.
        """
        from pymilvus import DataType

        with _as_archive_error(self.uri):
            schema = self._client.create_schema(auto_id=False)
            for i, (name, (kind, options)) in enumerate(fields.items()):
                schema.add_field(
                    *(name, DataType[kind]), is_primary=not i, **options
                )
            index = self._client.prepare_index_params()
            index.add_index(
                vector,
                index_type='FLAT' if is_file(self.uri) else SERVER_INDEX,
                metric_type='L2',
            )
            self._client.create_collection(
                collection,
                schema=schema,
                index_params=index,
                consistency_level='Strong',
            )

    def drop(self, collection: str) -> None:
        """Remove a collection."""
        with _as_archive_error(self.uri):
            self._client.drop_collection(collection)
        self._loaded.discard(collection)

    def upsert(self, collection: str, rows: Sequence[dict]) -> None:
        """Write rows; those whose primary key exists are replaced.

        Raises:
            OSError: If there is no room beside a file.
        """
        self._write(self._client.upsert, collection, rows)

    def insert(self, collection: str, rows: Sequence[dict]) -> None:
        """Write rows whose primary keys do not exist.

        In a file :meth:`upsert` takes the longer the more rows there are. On
        a server another process may write the same rows: there it is the
        same.

        Raises:
            OSError: If there is no room beside a file.
            ArchiveError: If a file is as large as one may be.
        """
        if is_file(self.uri) and Path(self.uri).stat().st_size > LARGEST:
            raise ArchiveError(
                f'{self.uri} is expected to have {LARGEST >> 20} MiB at most, '
                'beyond which Milvus Lite loses rows: begin another file, or '
                'give the address of a Milvus server'
            )
        client = self._client
        write = client.insert if is_file(self.uri) else client.upsert
        self._write(write, collection, rows)

    def _write(
        self, write: Callable, collection: str, rows: Sequence[dict]
    ) -> None:
        if is_file(self.uri):
            _check_room(Path(self.uri))
        with _as_archive_error(self.uri):
            for i in range(0, len(rows), ROWS):
                write(collection, list(rows[i : i + ROWS]), timeout=_TIMEOUT)

    def delete(self, collection: str, condition: str) -> None:
        """Delete the rows that meet a condition."""
        self._load(collection)
        with _as_archive_error(self.uri):
            self._client.delete(collection, filter=condition, timeout=_TIMEOUT)

    def rows(
        self, collection: str, condition: str, fields: Sequence[str]
    ) -> Iterator[dict]:
        """Yield the rows that meet a condition, in no particular order."""
        self._load(collection)
        with _as_archive_error(self.uri):
            iterator = self._client.query_iterator(
                collection,
                batch_size=BATCH,
                filter=condition,
                output_fields=list(fields),
            )
            while found := iterator.next():
                yield from found
            iterator.close()

    def count(self, collection: str, condition: str) -> int:
        """Count the rows that meet a condition."""
        self._load(collection)
        with _as_archive_error(self.uri):
            (found,) = self._client.query(
                collection, filter=condition, output_fields=['count(*)']
            )
        return found['count(*)']

    def nearest(
        self,
        collection: str,
        vectors: Sequence,
        limit: int,
        condition: str,
        fields: Sequence[str],
    ) -> list[list[dict]]:
        """Find the nearest rows of each vector, the nearest first.

        Returns:
            list[list[dict]]: ``distance``, squared, and ``entity``, the
            fields, of up to ``limit`` rows each.
        """
        self._load(collection)
        with _as_archive_error(self.uri):
            return self._client.search(
                collection,
                data=list(vectors),
                limit=min(limit, MOST_FOUND),
                filter=condition,
                output_fields=list(fields),
                timeout=_TIMEOUT,
            )

    def _load(self, collection: str) -> None:
        if collection not in self._loaded:
            with _as_archive_error(self.uri):
                self._client.load_collection(collection, timeout=_TIMEOUT)
            self._loaded.add(collection)

    def _wait_for_file(self) -> IO:
        """Lock the file against other processes.

        Milvus Lite has a lock, too, but whoever finds it locked removes it.
        """
        # Not on Windows, where there is no Milvus Lite either.
        import fcntl

        path = Path(self.uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path.with_name(f'.{path.name}.in_use'), 'a')  # noqa: SIM115
        end = time.monotonic() + self.patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > end:
                    lock.close()
                    raise ArchiveError(
                        f'{self.uri} is in use by another process since '
                        f'{self.patience:g} s: wait for it to end; a Milvus '
                        'server, given by its address, takes several at once'
                    ) from None
                time.sleep(_AGAIN)

    def _unlock(self) -> None:
        if self._home is not None:
            self._home.cleanup()
            self._home = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _check_room(path: Path) -> None:
    if shutil.disk_usage(path.absolute().parent).free < _FREE:
        raise OSError(
            errno.ENOSPC,
            f'less than {_FREE >> 20} MiB are free',
            str(path),
        )


def any_of(field: str, values: Iterable[str]) -> str:
    """Write the condition that a field has one of some values.

    Args:
        field (str): The field.
        values (Iterable[str]): The values.

    Returns:
        str: A filter of Milvus.
    """
    listed = ', '.join(quote(value) for value in values)
    return f'{field} in [{listed}]'


def quote(value: str) -> str:
    """Write a text in a filter of Milvus."""
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def _as_archive_error(uri: str) -> Iterator[None]:
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise ArchiveError(
            f'{uri}: Milvus refuses: {error.message}{_remedy(uri)}'
        ) from error


def _remedy(uri: str) -> str:
    if is_file(uri):
        return ''
    return '; is the server there, and MASA_ARCHIVE_TOKEN right?'


def _client_class(uri: str) -> type:
    try:
        from pymilvus import MilvusClient

        if is_file(uri):
            with warnings.catch_warnings():
                # It imports pkg_resources.
                warnings.simplefilter('ignore')
                import milvus_lite  # noqa: F401
    except ModuleNotFoundError as error:
        raise explain_missing('an archive', 'archive', error) from error
    # What it logs is raised as well.
    for name in ('pymilvus', 'pymilvus.milvus_client'):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MilvusClient
