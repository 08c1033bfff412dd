"""Packages that import a module when one of its names is first used."""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy_names(
    package: str,
    submodules: Iterable[str] = (),
    names: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make what a package needs to import its parts on first use (PEP 562).

    A package that reads files imports in milliseconds then, though classes of
    it need PyTorch.

    Args:
        package (str): Its ``__name__``.
        submodules (Iterable[str]): The modules that are attributes of it.
        names (Mapping[str, Iterable[str]], optional): For each module of the
            package, the names that the package takes from it.

    Returns:
        tuple: ``__getattr__``, ``__dir__`` and ``__all__`` of the package.
    """
    submodules = frozenset(submodules)
    module_of = {
        name: module
        for module, provided in (names or {}).items()
        for name in provided
    }
    public = sorted({*submodules, *module_of})

    def getattribute(name: str) -> Any:
        if name in submodules:
            return importlib.import_module(f'{package}.{name}')
        if name not in module_of:
            raise AttributeError(
                f'module {package!r} has no attribute {name!r}'
            )
        module = importlib.import_module(f'{package}.{module_of[name]}')
        value = getattr(module, name)
        # The next access does not come here.
        setattr(sys.modules[package], name, value)
        return value

    return getattribute, lambda: public, public
