"""Words of messages."""

from collections.abc import Sequence


def listed(names: Sequence[object], most: int = 3) -> str:
    """List names, the first ones by name and the others by their number.

    Args:
        names (Sequence[object]): Names, or what prints as one.
        most (int): Number of names to list. Defaults to 3.

    Returns:
        str: Such as ``'a, b, c and 2 more'``.
    """
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(str, names[:most])) + more
