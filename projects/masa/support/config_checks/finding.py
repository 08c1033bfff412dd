from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple


class Finding(NamedTuple):
    """A wrong setting of a config.

    Attributes:
        path (str): The setting, such as ``model.head.type``.
        message (str): What is wrong, with the most similar valid name.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f'{self.path}: {self.message}'


class ConfigError(ValueError):
    """A config has wrong names or values; one line for each.

    Args:
        source (str): The config file.
        findings (Sequence[Finding]): The findings; not empty.
    """

    def __init__(self, source: str, findings: Sequence[Finding]):
        self.findings = tuple(findings)
        super().__init__('\n'.join(f'{source}: {one}' for one in findings))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the valid name most similar to a wrong one.

    Args:
        name (str): The wrong name.
        known (Iterable[str]): The valid names.

    Returns:
        str: End of a sentence. Lists all names if none is similar and there
        are at most 20.
    """
    known = sorted(known)
    lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), lower, n=1)
    if near:
        return f'; did you mean {lower[near[0]]!r}?'
    return f'; known: {", ".join(known)}' if len(known) <= 20 else ''
