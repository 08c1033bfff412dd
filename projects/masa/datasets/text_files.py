"""Read text, JSON and CSV files in any Unicode encoding.

Nothing depends on the locale.
"""

import codecs
import csv
import io
import json
import os
from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from .errors import AnnotationError

# UTF-32 first, whose marks begin with those of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)
# Spreadsheets use semicolons if the decimal separator is a comma.
DELIMITERS = (',', ';', '\t')


class TableRow(NamedTuple):
    """One row of a CSV file.

    Attributes:
        line (int): Line number, from 1.
        values (dict[str, str]): Stripped values by column.
    """

    line: int
    values: dict[str, str]


class Table(NamedTuple):
    """Contents of a CSV file.

    Attributes:
        columns (list[str]): Column names in the order of the file.
        rows (list[TableRow]): Rows that are not empty.
    """

    columns: list[str]
    rows: list[TableRow]


def read_text(path: str | os.PathLike) -> str:
    """Read a text file in UTF-8, or in UTF-16 or UTF-32 with a BOM.

    Keeps line ends. Raises AnnotationError for other encodings, OSError if the
    file cannot be opened.
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode(encoding_of(content))
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise AnnotationError(_not_text(path, line)) from error
    if '\0' in text:
        line = text.count('\n', 0, text.index('\0')) + 1
        raise AnnotationError(_not_text(path, line))
    return text


def encoding_of(content: bytes) -> str:
    """Return the encoding that the BOM tells, else UTF-8."""
    return next(
        (name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)),
        'utf-8',
    )


def _not_text(path: str | os.PathLike, line: int) -> str:
    return (
        f'{os.fspath(path)} is expected to be text in UTF-8, but is not in '
        f'line {line}: save it as UTF-8'
    )


def read_lines(path: str | os.PathLike) -> list[str]:
    """Read the lines of a text file that are not blank, stripped.

    Lines end in LF, CRLF or CR. Raises the errors of :func:`read_text`.
    """
    # Unlike str.splitlines, this does not split at U+2028 and the like.
    lines = io.StringIO(read_text(path), newline=None)
    return [line.strip() for line in lines if line.strip()]


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file, in UTF-8, UTF-16 or UTF-32.

    Raises AnnotationError if it is not JSON, OSError if it cannot be opened.
    """
    content = Path(path).read_bytes()
    try:
        # It detects the encoding.
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'{os.fspath(path)} cannot be read as JSON: it is not UTF-8 at '
            f'byte {error.start}: save it as UTF-8'
        ) from error
    except (ValueError, RecursionError) as error:
        # Too many digits raise a plain ValueError.
        raise AnnotationError(
            f'{os.fspath(path)} cannot be read as JSON: {error}'
        ) from error


def read_csv(
    path: str | os.PathLike,
    known: Collection[str],
    required: Collection[str] = (),
    others: bool = False,
) -> Table:
    """Read a CSV file with a header line.

    The delimiter is a comma, a semicolon or a tab, whichever gives the most
    known columns. Whitespace around names and values, the case of names and
    empty rows are ignored.

    Args:
        path (str | os.PathLike): The file; see :func:`read_text`.
        known (Collection[str]): Known column names, in lower case.
        required (Collection[str]): Required columns. Defaults to none.
        others (bool): Whether other columns are allowed. Defaults to False.

    Returns:
        Table: The table; each row has one value per column.

    Raises:
        AnnotationError: If the file is no text, a column is missing, repeated
            or unknown, or a row has another length or a line break in a value.
            The message names file and line.
        OSError: If the file cannot be opened.
    """
    path = os.fspath(path)
    text = read_text(path)
    best = max(
        DELIMITERS,
        key=lambda delimiter: len(
            set(known) & set(_header(text, delimiter, path))
        ),
    )
    columns = _header(text, best, path)
    named = [name for name in columns if name]
    unknown = [name for name in named if name not in known]
    missing = [name for name in required if name not in named]
    if missing or (unknown and not others):
        wrong = [f'lacks {name}' for name in missing]
        if not others:
            wrong += [f'{name!r} is unknown' for name in unknown]
        raise AnnotationError(
            f'{path} is expected to have the columns {", ".join(known)}, but '
            f'has {", ".join(named) or "none"}: {", ".join(wrong)}'
        )
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise AnnotationError(
            f'{path} has the column {", ".join(twice)} more than once'
        )
    rows = []
    lines = stripped_rows(text, best, path)
    next(lines)
    for line, values in lines:
        where = f'{path}, line {line}'
        # Spreadsheets append empty cells.
        surplus = [
            value
            for name, value in zip_longest(columns, values)
            if not name and value
        ]
        if len(values) < len(columns) or surplus:
            raise AnnotationError(
                f'{where}: expected {len(named)} values, found {len(values)}'
            )
        if any('\n' in value or '\r' in value for value in values):
            raise AnnotationError(
                f'{where}: a value holds a line break: is a quotation mark '
                'not closed?'
            )
        row = dict(zip(columns, values, strict=False))
        row.pop('', None)
        rows.append(TableRow(line, row))
    return Table(named, rows)


def _header(text: str, delimiter: str, path: str) -> list[str]:
    _, values = next(stripped_rows(text, delimiter, path), (1, []))
    while values and not values[-1]:
        values.pop()
    return [value.casefold() for value in values]


def csv_rows(
    text: str, delimiter: str, path: str | os.PathLike
) -> Iterator[tuple[int, list[str]]]:
    """Yield number and values of every row that is not empty.

    Raises AnnotationError, which names ``path`` and the line, if the text is
    no CSV.
    """
    reader = csv.reader(
        io.StringIO(text, newline=''),
        delimiter=delimiter,
        skipinitialspace=True,
    )
    try:
        for values in reader:
            if any(values):
                yield reader.line_num, values
    except csv.Error as error:
        raise AnnotationError(
            f'{os.fspath(path)}, line {reader.line_num}: it cannot be read as '
            f'CSV: {error}'
        ) from error


def stripped_rows(
    text: str, delimiter: str, path: str | os.PathLike
) -> Iterator[tuple[int, list[str]]]:
    """Yield the same with stripped values, without rows of blanks."""
    for line, values in csv_rows(text, delimiter, path):
        values = [value.strip() for value in values]
        if any(values):
            yield line, values
