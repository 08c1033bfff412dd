"""The configs that come with the package."""

from difflib import get_close_matches
from pathlib import Path

# Where MIM expects them; in a clone, a link to the folder configs.
CONFIGS = Path(__file__).resolve().parents[1] / '.mim' / 'configs'


def config_names() -> list[str]:
    """List the names of the shipped configs.

    Returns:
        list[str]: Such as ``masa_demo`` and ``baselines/tcc_demo``; those
        that others only inherit from are left out.
    """
    patterns = '[!_]*.py', '[!_]*/*.py'
    paths = [path for one in patterns for path in sorted(CONFIGS.glob(one))]
    return [p.relative_to(CONFIGS).with_suffix('').as_posix() for p in paths]


def config_paths(*names: str) -> list[str]:
    """Find shipped configs, for a config that inherits from them.

    MMEngine evaluates ``_base_`` before anything that the config imports, so
    that the import is part of the expression::

        _base_ = __import__('masa').config_paths('masa_demo')

    Args:
        *names (str): Their names, such as ``masa_demo``,
            ``baselines/tcc_demo`` or ``_base_/methods/clan``.

    Returns:
        list[str]: The absolute paths of the files.

    Raises:
        FileNotFoundError: If there is no config of a name.
    """
    paths = []
    for name in names:
        path = CONFIGS / f'{name}.py'
        if not path.is_file():
            close = get_close_matches(name, config_names(), 1)
            hint = f'; did you mean {close[0]}?' if close else ''
            raise FileNotFoundError(
                f'no config named {name!r} comes with masa{hint} '
                '("masa configs" lists all)'
            )
        paths.append(str(path.resolve()))
    return paths
