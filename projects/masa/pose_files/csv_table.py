from array import array
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.text_files import csv_rows, read_text

# What stands for a number that is missing, in lower case.
_MISSING = ('', 'na', 'n/a', 'nan', 'none', 'null')


class Cells(NamedTuple):
    """Columns of a CSV file.

    Attributes:
        numbers (np.ndarray): The columns of numbers, (N, K) float64, NaN where
            one is missing.
        texts (list[list[str]]): The columns of texts, N values each.
        lines (np.ndarray): Line of every row, (N,), from 1.
    """

    numbers: np.ndarray
    texts: list[list[str]]
    lines: np.ndarray


def read_cells(
    path: Path,
    delimiter: str,
    numbers: Sequence[int],
    texts: Sequence[int] = (),
    header_rows: int = 1,
) -> Cells:
    """Read columns of a CSV file.

    Missing numbers are empty, ``nan``, ``NA``, ``none`` or ``null``. The
    decimal separator may be a comma where the delimiter is not.

    Args:
        path (Path): The file.
        delimiter (str): What separates the values.
        numbers (Sequence[int]): Columns of numbers, from 0.
        texts (Sequence[int]): Columns of texts. Defaults to none.
        header_rows (int): Rows to skip. Defaults to 1.

    Returns:
        Cells: The rows in the order of the file.

    Raises:
        AnnotationError: If a row has another length than the header, a cell is
            no number, or there is no row. The line is named.
        OSError: If the file cannot be opened.
    """
    rows = csv_rows(read_text(path), delimiter, path)
    header = [next(rows)[1] for _ in range(header_rows)]
    # Spreadsheets append empty cells.
    width = 1 + max(
        i for row in header for i, name in enumerate(row) if name.strip()
    )
    chosen = itemgetter(*numbers)
    values, lines = array('d'), array('q')
    words: list[list[str]] = [[] for _ in texts]
    for line, cells in rows:
        if len(cells) < width or any(map(str.strip, cells[width:])):
            raise AnnotationError(
                f'{path}, line {line}: expected {width} values, found '
                f'{len(cells)}'
            )
        picked = chosen(cells) if len(numbers) > 1 else (chosen(cells),)
        try:
            values.extend([*map(float, picked)])
        except ValueError:
            values.extend(
                _number(text, delimiter, f'{path}, line {line}')
                for text in picked
            )
        for column, i in zip(words, texts, strict=True):
            column.append(cells[i].strip())
        lines.append(line)
    if not lines:
        raise AnnotationError(
            f'{path} is expected to have a row for every frame, but holds '
            'only a header'
        )
    return Cells(
        np.array(values).reshape(len(lines), -1), words, np.array(lines)
    )


def _number(text: str, delimiter: str, where: str) -> float:
    text = text.strip()
    if text.lower() in _MISSING:
        return np.nan
    try:
        return float(text if delimiter == ',' else text.replace(',', '.'))
    except ValueError:
        raise AnnotationError(
            f'{where}: a number is expected, or nothing, but there is {text!r}'
        ) from None
