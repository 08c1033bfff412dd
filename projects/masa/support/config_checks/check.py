import os
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from .finding import ConfigError, Finding, did_you_mean
from .sections import KNOWN_KEYS, check_section

# Above it, a name that is none of MMEngine's is one misspelt.
_SIMILAR = 0.8
# The module that registers what this package adds.
_REGISTRATION = 'masa.registration'


def check_config(
    config: Config,
    source: str | os.PathLike | None = None,
    options: Iterable[str] | None = None,
    scope: str = 'mmengine',
) -> None:
    """See that a config holds no name that nothing knows.

    Of every ``type`` the class is looked up, and the other keys are compared
    with what its constructor takes. At the top, a name that is not the
    runner's may be a helper of the config; it is an error only if it is
    nearly a name of the runner's and its value is used nowhere.

    Args:
        config (Config): The config, merged with the options.
        source (str | os.PathLike, optional): What to call it. Defaults to
            its file.
        options (Iterable[str], optional): The keys that ``--cfg-options``
            has set, with dots. Unlike those of a file, they must all be the
            runner's: a helper's value was used when the file was read.

        scope (str): Default scope of a config that names none. Defaults to
            the runner's, ``'mmengine'``.

    Raises:
        ConfigError: If there is such a name. All of them are in it.
    """
    scope = config.get('default_scope') or scope
    with DefaultScope.overwrite_default_scope(scope):
        # Without them, every class of the package would be a finding.
        findings = [*_check_imports(config)] or [
            *_check_options(config, options or ()),
            *_check_top(config),
            *(
                finding
                for key, value in config.items()
                for finding in check_section(key, value)
            ),
        ]
    if findings:
        raise ConfigError(
            str(source or config.filename or 'config'),
            list(dict.fromkeys(findings)),
        )


def exit_on_wrong_config(
    config: Config,
    source: str | os.PathLike,
    options: Iterable[str] | None = None,
) -> None:
    """End the program where :func:`check_config` finds anything.

    A line for each is printed to standard error.

    Args:
        config (Config): The config.
        source (str | os.PathLike): The config file.
        options (Iterable[str], optional): As of :func:`check_config`.

    Raises:
        SystemExit: With status 2.
    """
    try:
        check_config(config, source, options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def _check_imports(config: Config) -> Iterator[Finding]:
    imports = (config.get('custom_imports') or {}).get('imports') or ()
    imports = [imports] if isinstance(imports, str) else imports
    if 'masa' in imports and _REGISTRATION not in imports:
        yield Finding(
            'custom_imports',
            f"'masa' registers nothing; name {_REGISTRATION!r} in its place",
        )


def _check_options(
    config: Config, options: Iterable[str]
) -> Iterator[Finding]:
    for option in options:
        key = option.partition('.')[0]
        if key in KNOWN_KEYS:
            continue
        places = [] if '.' in option else list(_places(config, key))
        advice = (
            f'; set {", ".join(places[:4])}'
            if places
            else did_you_mean(key, KNOWN_KEYS)
        )
        yield Finding(
            option,
            f'{key!r} is not read after the config file{advice}',
        )


def _places(node: Any, key: str, path: str = '') -> Iterator[str]:
    """Find the settings of a name below the sections that are read."""
    if not isinstance(node, (dict, Config)):
        return
    for name, value in node.items():
        if not path and name not in KNOWN_KEYS:
            continue
        place = f'{path}.{name}' if path else name
        if path and name == key:
            yield place
        yield from _places(value, key, place)


def _check_top(config: Config) -> Iterator[Finding]:
    used = [value for key, value in config.items() if key in KNOWN_KEYS]
    for key, value in config.items():
        if key in KNOWN_KEYS or not get_close_matches(
            key, KNOWN_KEYS, 1, _SIMILAR
        ):
            continue
        if not any(_holds(section, value) for section in used):
            yield Finding(
                key,
                'neither a setting nor used by one'
                f'{did_you_mean(key, KNOWN_KEYS)}',
            )


def _holds(section: Any, value: Any) -> bool:
    if isinstance(section, dict):
        items: Any = section.values()
    elif isinstance(section, (list, tuple)):
        items = section
    else:
        return False
    return any(item == value or _holds(item, value) for item in items)
