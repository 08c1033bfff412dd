"""Checks of the numbers that constructors take. NaN passes none of them."""


def check_above_zero(**values: float) -> None:
    """Check that every value is above 0.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(
                f'{name} is expected to be above 0, but got {value}'
            )


def check_not_negative(**values: float) -> None:
    """Check that every value is 0 or more.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(
                f'{name} is expected to be 0 or more, but got {value}'
            )


def check_one_or_more(**values: float) -> None:
    """Check that every value is 1 or more.

    Args:
        **values (float): By the name that the error calls it.

    Raises:
        ValueError: If one is not. It names the first.
    """
    for name, value in values.items():
        if not value >= 1:
            raise ValueError(
                f'{name} is expected to be 1 or more, but got {value}'
            )
