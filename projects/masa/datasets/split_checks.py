import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .problem import Problem, short

# 'xsub_train' and 'xsub_val' belong to one protocol, 'xview_train' to another.
_ROLE = re.compile(
    r'(?<![a-z])(train|training|val|valid|validation|test)'
    r'(?![a-z])'
)


def is_training_split(name: str) -> bool:
    """Return whether the name of a split contains "train".

    Examples are ``train`` and ``xsub_train``.
    """
    return 'train' in name.lower()


def check_split(split: Any, names: list[str]) -> Iterator[Problem]:
    """Yield problems of the splits and of records in none of them.

    An id may be in splits of several protocols, such as ``xsub_train`` and
    ``xview_train``, and in splits whose names contain none of train, val and
    test, but not in both ``train`` and ``val``. ``names`` are the ids of the
    records.
    """
    if split is None:
        return
    if not isinstance(split, dict) or not split:
        yield Problem('', 'split', 'a dict of lists of ids', short(split))
        return
    known, listed = set(names), {}
    for key, ids in split.items():
        field = f'split {short(key)}'
        if not isinstance(key, str):
            yield Problem('', field, 'a name, which is a text', short(key))
        if isinstance(ids, np.ndarray) and ids.ndim == 1:
            ids = ids.tolist()
        if not isinstance(ids, (list, tuple)) or not ids:
            yield Problem('', field, 'a list of one id or more', short(ids))
            continue
        listed[key] = {name for name in ids if isinstance(name, str)}
        yield from _check_ids(field, ids, known)
    yield from _check_shared(listed)
    unused = sorted(known - set().union(*listed.values()))
    for name in unused if len(listed) == len(split) else ():
        yield Problem(name, 'split', 'in one split at least', 'in none')


def _check_ids(field: str, ids: Any, known: set[str]) -> Iterator[Problem]:
    # Ids of other types may not be hashable.
    foreign = [name for name in ids if not isinstance(name, str)]
    ids = [name for name in ids if isinstance(name, str)]
    missing = foreign + [name for name in ids if name not in known]
    if missing:
        yield Problem(
            '',
            field,
            'ids that have a record',
            f'{len(missing)} without one: {short(missing)}',
        )
    twice = [name for name, n in Counter(ids).items() if n > 1]
    if twice:
        yield Problem('', field, 'every id once', short(twice))


def _check_shared(listed: dict[str, set[str]]) -> Iterator[Problem]:
    protocols: dict[str, list[str]] = {}
    for key in listed:
        protocol, roles = _ROLE.subn('', str(key).lower())
        if roles:
            protocols.setdefault(protocol, []).append(key)
    for splits in protocols.values():
        for first, other in combinations(splits, 2):
            shared = sorted(listed[first] & listed[other])
            if shared:
                yield Problem(
                    '',
                    f'split {short(other)}',
                    f'ids that are not in split {short(first)}',
                    f'{len(shared)} that are: {short(shared)}',
                )
