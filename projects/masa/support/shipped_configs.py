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
    paths = sorted(CONFIGS.glob('[!_]*.py')) + sorted(
        CONFIGS.glob('[!_]*/*.py')
    )
    return [p.relative_to(CONFIGS).with_suffix('').as_posix() for p in paths]


def config_path(name: str) -> str:
    """Find a shipped config, for configs that inherit from it.

    MMEngine evaluates ``_base_`` before anything that a config imports, so
    that the import is part of the expression::

        _base_ = __import__('masa').config_path('masa_demo')

    Args:
        name (str): Its name, such as ``masa_demo``, ``baselines/tcc_demo``
            or ``_base_/methods/clan``.

    Returns:
        str: The absolute path of the file.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    path = CONFIGS / f'{name}.py'
    if not path.is_file():
        close = get_close_matches(name, config_names(), 1)
        hint = f'; did you mean {close[0]}?' if close else ''
        raise FileNotFoundError(
            f'there is no config named {name!r}{hint} (masa configs lists all)'
        )
    return str(path.resolve())
