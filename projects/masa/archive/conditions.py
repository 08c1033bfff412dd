"""What a search in an archive is limited to, as Milvus's filters."""

import re
from collections.abc import Iterable

from .milvus import any_of, quote
from .sequences import FILTERS

_CONDITION = re.compile(r'(\w+)\s*(<=|>=|=)\s*(.*)')


def parse_conditions(texts: Iterable[str]) -> str:
    """Write conditions such as ``activity=squat`` as a filter of Milvus.

    Args:
        texts (Iterable[str]): ``NAME=VALUE``, of which those of one name are
            alternatives; ``date>=VALUE`` and ``date<=VALUE``.

    Returns:
        str: The filter; '' without conditions.

    Raises:
        ValueError: If a condition is none of these.

    Example:
        >>> parse_conditions(['activity=squat', 'date>=2026-01-01'])
        'activity in ["squat"] and date >= "2026-01-01"'
    """
    equal: dict[str, list[str]] = {}
    others = []
    for text in texts:
        found = _CONDITION.fullmatch(text.strip())
        if (
            found is None
            or found[1] not in FILTERS
            or (found[2] != '=' and found[1] != 'date')
        ):
            raise ValueError(
                f'the filter {text!r} is expected to be NAME=VALUE with the '
                f'name {", ".join(FILTERS)}, or date>=YYYY-MM-DD or '
                'date<=YYYY-MM-DD'
            )
        name, sign, value = found.groups()
        if sign == '=':
            equal.setdefault(name, []).append(value)
        else:
            others.append(f'{name} {sign} {quote(value)}')
    alternatives = [any_of(name, values) for name, values in equal.items()]
    # Sequences without a date are before any.
    if others:
        others.append('date != ""')
    return ' and '.join([*alternatives, *others])
