"""Read a config file and check its names before anything is built."""

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings

from .finding import ConfigError, Finding, did_you_mean
from .names import KNOWN_KEYS, check_section

_SUFFIXES = ('.py', '.yml', '.yaml', '.json')
# Similarity from which a top-level name counts as a misspelling of one of
# MMEngine's.
_SIMILAR = 0.8
# The module that registers the classes of this package.
_REGISTRATION = 'masa.registration'


def read_config(path: str | os.PathLike) -> Config:
    """Read a config file and import the modules that it names.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Config: The config, merged with its base configs.

    Raises:
        ConfigError: If the file does not exist, has another suffix, it or a
            base config cannot be read, or one of its ``custom_imports``
            cannot be imported.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        reason = 'it is a folder'
    elif not os.path.isfile(path):
        reason = 'no such file'
    elif not path.endswith(_SUFFIXES):
        reason = f'a config file ends in {", ".join(_SUFFIXES)}'
    else:
        try:
            config = Config.fromfile(path, import_custom_modules=False)
            _import_modules(config, path)
            return config
        except (
            *(OSError, SyntaxError, ConfigParsingError),
            *(KeyError, ImportError),
        ) as error:
            message = ' '.join(str(error).split())
            reason = f'cannot be read: {type(error).__name__}: {message}'
    raise ConfigError(path, [Finding('the config', reason)])


def _import_modules(config: Config, path: str) -> None:
    options = dict(config.get('custom_imports') or {})
    options.pop('imports', None)
    for name in _imports_of(config):
        try:
            import_modules_from_strings(name, **options)
        except ImportError as error:
            cause = error.__context__
            advice = ''
            if isinstance(cause, ModuleNotFoundError):
                advice = f'; {_how_to_find(cause.name or name, path)}'
            message = f'{name!r} cannot be imported: {cause}{advice}'
            finding = Finding('custom_imports', message)
            raise ConfigError(path, [finding]) from error


def _how_to_find(module: str, config_path: str) -> str:
    package = module.partition('.')[0]
    folder = Path(config_path).resolve().parent
    here = (folder / f'{package}.py').is_file() or (folder / package).is_dir()
    shown = shlex.quote(str(folder)) if here else 'FOLDER'
    return (
        f'install it, or set PYTHONPATH={shown}, the folder that '
        f'{package!r} is in'
    )


def check_config(
    config: Config,
    source: str | os.PathLike | None = None,
    options: Iterable[str] | None = None,
    scope: str = 'mmengine',
) -> None:
    """Check that a config contains no unknown names.

    Looks up the class of every ``type`` and compares the other keys with the
    arguments of its constructor. A top-level name that the runner does not
    read may be a variable; it is an error only if it is similar to a name that
    the runner reads and its value is not used.

    Args:
        config (Config): The config, merged with the options.
        source (str | os.PathLike, optional): Name of the config in messages.
            Defaults to its file.
        options (Iterable[str], optional): Dotted keys set by
            ``--cfg-options``. They must be keys that the runner reads, as
            variables have no effect after the file has been read.
        scope (str): Scope if the config has no ``default_scope``. Defaults to
            ``'mmengine'``, as for the runner.

    Raises:
        ConfigError: If there are unknown names; it lists all of them.
    """
    scope = config.get('default_scope') or scope
    with DefaultScope.overwrite_default_scope(scope):
        # Without the imports every class of the package would be unknown.
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
    """Exit if :func:`check_config` finds anything.

    Prints one line per finding to standard error.

    Args:
        config (Config): The config.
        source (str | os.PathLike): The config file.
        options (Iterable[str], optional): See :func:`check_config`.

    Raises:
        SystemExit: With status 2.
    """
    try:
        check_config(config, source, options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def _imports_of(config: Config) -> list[str]:
    imports = (config.get('custom_imports') or {}).get('imports') or []
    return [imports] if isinstance(imports, str) else list(imports)


def _check_imports(config: Config) -> Iterator[Finding]:
    imports = _imports_of(config)
    if not imports or _REGISTRATION in imports:
        return
    if 'masa' in imports:
        yield Finding(
            'custom_imports',
            f"'masa' registers nothing; name {_REGISTRATION!r} in its place",
        )
    # A module of the user's may have imported it.
    elif _REGISTRATION not in sys.modules:
        yield Finding(
            'custom_imports',
            f'imports is expected to list {_REGISTRATION!r} too, as a list '
            f'replaces that of the base config, but is {imports}',
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
    """Find settings of this name inside the sections that are read."""
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
        if (
            key not in KNOWN_KEYS
            and get_close_matches(key, KNOWN_KEYS, 1, _SIMILAR)
            and not any(_holds(section, value) for section in used)
        ):
            hint = did_you_mean(key, KNOWN_KEYS)
            yield Finding(key, f'neither a setting nor used by one{hint}')


def _holds(section: Any, value: Any) -> bool:
    if isinstance(section, dict):
        section = section.values()
    elif not isinstance(section, (list, tuple)):
        return False
    return any(item == value or _holds(item, value) for item in section)
