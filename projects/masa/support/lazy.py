"""Packages that import their modules on first use."""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy_names(
    package: str,
    submodules: Iterable[str] = (),
    names: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package import its modules on first use (PEP 562).

    A package that reads files is then imported in milliseconds, although some
    of its classes need PyTorch.

    Args:
        package (str): The package's ``__name__``.
        submodules (Iterable[str]): The modules that are its attributes.
        names (Mapping[str, Iterable[str]], optional): The names that the
            package takes from each of its modules.

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
