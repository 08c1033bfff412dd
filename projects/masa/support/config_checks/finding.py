from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong with a config.

    Attributes:
        path (str): Where, such as ``model.head.type``.
        message (str): What is wrong, and the nearest valid name.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f'{self.path}: {self.message}'


class ConfigError(ValueError):
    """A config with wrong names or values. A line for each, with the file.

    Args:
        source (str): The config file.
        findings (Sequence[Finding]): One at least.
    """

    def __init__(self, source: str, findings: Sequence[Finding]):
        self.findings = tuple(findings)
        super().__init__('\n'.join(f'{source}: {one}' for one in findings))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which of the valid names is the nearest.

    Args:
        name (str): The name that is not valid.
        known (Iterable[str]): The valid ones.

    Returns:
        str: The end of a sentence; all names where none is near and they are
        few.
    """
    known = sorted(known)
    lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), lower, n=1)
    if near:
        return f'; did you mean {lower[near[0]]!r}?'
    return f'; known: {", ".join(known)}' if len(known) <= 20 else ''
