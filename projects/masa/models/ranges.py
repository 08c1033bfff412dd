"""Checks of the numbers that constructors take. NaN passes none of them."""

from collections.abc import Callable


def check_above_zero(**values: float) -> None:
    """Check that every value is above 0.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    _check(values, lambda value: value > 0, 'above 0')


def check_not_negative(**values: float) -> None:
    """Check that every value is 0 or more.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    _check(values, lambda value: value >= 0, '0 or more')


def check_one_or_more(**values: float) -> None:
    """Check that every value is 1 or more.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    _check(values, lambda value: value >= 1, '1 or more')


def _check(
    values: dict[str, float], passes: Callable[[float], bool], expected: str
) -> None:
    for name, value in values.items():
        if not passes(value):
            raise ValueError(
                f'{name} is expected to be {expected}, but got {value}'
            )
