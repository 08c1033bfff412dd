from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.npy_file import map_npy
from ..datasets.text_files import (
    DELIMITERS,
    encoding_of,
    read_json,
    stripped_rows,
)

# Bytes that are enough to recognize a format; for tables, whose headers may
# name hundreds of columns.
_HEAD = 4096
_TABLE_HEAD = 1 << 18
# Rows that name the columns of a table, in the format that has most.
_HEADER_ROWS = 4


class TableHead(NamedTuple):
    """The beginning of a CSV file.

    Attributes:
        delimiter (str): The one that separates most values of the first row.
        rows (list[list[str]]): The first four rows.
    """

    delimiter: str
    rows: list[list[str]]


class PoseFile:
    """A file whose content is read when it is first asked for.

    Args:
        path (Path): The file.
        body_model (Path, optional): The user's file of the body model whose
            rotations the file may hold. Defaults to none.

    Attributes:
        path (Path): The file.
        suffix (str): Its ending in lower case, such as ``.json``.
        body_model (Path | None): The file of the body model.
    """

    def __init__(self, path: Path, body_model: Path | None = None):
        self.path = path
        self.body_model = body_model
        self.suffix = path.suffix.lower()

    @cached_property
    def head(self) -> bytes:
        """The first 4,096 bytes; raises OSError if it cannot be opened."""
        with open(self.path, 'rb') as file:
            return file.read(_HEAD)

    @cached_property
    def json(self) -> Any:
        """The content of a JSON file; raises AnnotationError if it is none."""
        return read_json(self.path)

    @cached_property
    def table(self) -> TableHead:
        """The first rows of a CSV file; of another file, whatever it has."""
        with open(self.path, 'rb') as file:
            content = file.read(_TABLE_HEAD)
        text = content.decode(encoding_of(content), errors='replace')
        found = [
            TableHead(delimiter, _first_rows(text, delimiter, self.path))
            for delimiter in DELIMITERS
        ]
        return max(found, key=lambda one: len(one.rows[0]))

    @cached_property
    def npy(self) -> np.ndarray | None:
        """The array of a ``.npy`` file; None if it holds anything else."""
        try:
            return map_npy(self.path)
        except ValueError:
            return None


def _first_rows(text: str, delimiter: str, path: Path) -> list[list[str]]:
    try:
        rows = islice(stripped_rows(text, delimiter, path), _HEADER_ROWS)
        return [values for _, values in rows] or [[]]
    except AnnotationError:
        return [[]]
