"""Checks of the arguments of functions and constructors.

All of them reject NaN.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any


def check_above_zero(**values: float) -> None:
    """Raise ValueError if an argument, given by name, is not above 0."""
    _check(values, lambda value: value > 0, 'above 0')


def check_not_negative(**values: float) -> None:
    """Raise ValueError if an argument, given by name, is not 0 or more."""
    _check(values, lambda value: value >= 0, '0 or more')


def check_one_or_more(**values: float) -> None:
    """Raise ValueError if an argument, given by name, is not 1 or more."""
    _check(values, lambda value: value >= 1, '1 or more')


def _check(
    values: dict[str, float], passes: Callable[[float], bool], expected: str
) -> None:
    for name, value in values.items():
        if not passes(value):
            raise ValueError(
                f'{name} is expected to be {expected}, but got {value}'
            )


def check_range(
    name: str,
    value: float,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Check that an argument is a finite number in an interval.

    Args:
        name (str): The argument's name.
        value (float): Its value.
        low (float): Lower bound.
        high (float): Upper bound. Defaults to infinity.
        open_low (bool): Whether ``low`` itself is excluded. Defaults to
            False.
        open_high (bool): Whether ``high`` itself is excluded. Defaults to
            False.

    Raises:
        ValueError: If the value is outside the interval, infinite or not a
            number.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if (
        not is_number
        or not math.isfinite(value)
        or not low <= value <= high
        or (open_low and value == low)
        or (open_high and value == high)
    ):
        left, right = '(' if open_low else '[', ')' if open_high else ']'
        raise ValueError(
            f'{name} is expected to be a finite number in '
            f'{left}{low}, {high}{right}, but got {value!r}'
        )


def check_choice(name: str, value: Any, choices: Sequence) -> None:
    """Check that an argument is one of the allowed values.

    Args:
        name (str): The argument's name.
        value (Any): Its value.
        choices (Sequence): The allowed values.

    Raises:
        ValueError: If it is not one of them.
    """
    if value not in choices:
        raise ValueError(
            f'{name} is expected to be one of {list(choices)}, but got '
            f'{value!r}'
        )
