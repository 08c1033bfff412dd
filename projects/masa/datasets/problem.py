"""Problems of annotation files and helpers to check values."""

import reprlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

# Limits the work on nested and long values.
_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = _REPR.maxset = 20
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


# Expectation for every array of numbers.
FINITE = 'finite numbers'
# Largest label or phase; beyond it, integers in the models overflow.
LARGEST_INDEX = 2**31 - 1


class Problem(NamedTuple):
    """A problem of an annotation file.

    Attributes:
        record (str): Id or number of the record; '' for the file.
        field (str): The field.
        expected (str): What is expected.
        found (str): What was found.
    """

    record: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f'record {self.record!r}, ' if self.record else ''
        return (
            f'{where}{self.field}: expected {self.expected}, '
            f'found {self.found}'
        )


def short(value: Any) -> str:
    """Describe a value in up to 60 characters."""
    if isinstance(value, np.ndarray):
        return f'{value.dtype} of shape {value.shape}'
    try:
        text = _REPR.repr(value)
    except (ValueError, RecursionError):
        # Raised, for example, for a number with too many digits.
        text = f'a value of type {type(value).__name__}'
    return text if len(text) <= 60 else f'{text[:57]}...'


def is_finite(value: np.ndarray) -> np.ndarray:
    """Return which values are finite in float32, as in the models.

    The result is bool, with the shape of ``value``.
    """
    if value.dtype.itemsize > 4 or value.dtype.kind != 'f':
        with np.errstate(over='ignore'):
            value = value.astype(np.float32)
    return np.isfinite(value)


def not_finite(value: np.ndarray) -> str:
    """Describe how many values are not finite, and where the first is."""
    where = np.argwhere(~is_finite(value))
    return f'{len(where)} that are not, the first at {where[0].tolist()}'


def as_array(value: Any) -> np.ndarray:
    """Convert any value to an array.

    If that is impossible, as for ragged lists, the array has objects, which no
    check accepts.
    """
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return np.asarray(None, dtype=object)


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer and not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_list_of_names(value: Any) -> bool:
    """Return whether a value is a non-empty list of strings."""
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(item, str) for item in value)
    )


def check_array(
    name: str,
    key: str,
    value: Any,
    shape: str,
    sizes: Sequence[int | None],
    kinds: str = 'fiu',
) -> Iterator[Problem]:
    """Check type, shape and finiteness of an array in a record.

    Args:
        name (str): Id of the record.
        key (str): Name of the field.
        value (Any): An array, lists or anything else.
        shape (str): Expected shape, for the message.
        sizes (Sequence[int | None]): Expected sizes; None or 0 for any.
        kinds (str): Allowed kinds of dtypes in NumPy. Defaults to ``'fiu'``.

    Yields:
        Problem: At most one.
    """
    array = as_array(value)
    if (
        array.dtype.kind not in kinds
        or array.ndim != len(sizes)
        or not array.size
        or any(
            size and size != found
            for size, found in zip(sizes, array.shape, strict=True)
        )
    ):
        numbers = 'numbers' if 'f' in kinds else 'integers'
        yield Problem(name, key, f'{numbers} of shape {shape}', short(array))
    elif not is_finite(array).all():
        yield Problem(name, key, FINITE, not_finite(array))
