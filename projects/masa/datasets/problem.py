"""What the checks of annotation files find, and how they say it."""

import reprlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

# Nested or long values are not walked through to their end.
_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = _REPR.maxset = 20
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


# What is expected of every array of numbers.
FINITE = 'finite numbers'
# Labels and phases; beyond it, integers of the models overflow.
LARGEST_INDEX = 2**31 - 1


class Problem(NamedTuple):
    """One thing that is wrong with an annotation file.

    Attributes:
        record (str): Which record, by its id or number; '' for the file.
        field (str): Which field of it.
        expected (str): What is expected there.
        found (str): What is there.
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
    """Describe a value in 60 characters: type and shape, or its start."""
    if isinstance(value, np.ndarray):
        return f'{value.dtype} of shape {value.shape}'
    try:
        text = _REPR.repr(value)
    except (ValueError, RecursionError):
        # Such as of a number of too many digits.
        text = f'a value of type {type(value).__name__}'
    return text if len(text) <= 60 else f'{text[:57]}...'


def is_finite(value: np.ndarray) -> np.ndarray:
    """Return which numbers float32, which the models compute in, can hold.

    The result is bool, of the shape of ``value``.
    """
    if value.dtype.itemsize > 4 or value.dtype.kind != 'f':
        with np.errstate(over='ignore'):
            value = value.astype(np.float32)
    return np.isfinite(value)


def not_finite(value: np.ndarray) -> str:
    """Say how many numbers are NaN or infinite, and where the first is."""
    where = np.argwhere(~is_finite(value))
    return f'{len(where)} that are not, the first at {where[0].tolist()}'


def as_array(value: Any) -> np.ndarray:
    """Make an array of a value that may be anything.

    It is one of objects, which no check admits, where rows differ in length or
    nothing can be made of the value.
    """
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return np.asarray(None, dtype=object)


def is_integer(value: Any) -> bool:
    """Return whether a value is one whole number, and not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_list_of_names(value: Any) -> bool:
    """Return whether a value lists strings, one at least."""
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
    """Check the kind, the shape and the numbers of an array of a record.

    Args:
        name (str): The record's id.
        key (str): Which field it is.
        value (Any): An array, lists or anything else.
        shape (str): The shape to expect, for the message.
        sizes (Sequence[int | None]): Its sizes; None and 0 for any above 0.
        kinds (str): NumPy's kinds of numbers that it may hold. Defaults to
            ``'fiu'``.

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
