"""Import the modules of a package on first use."""

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

    A package then takes milliseconds to import even if some of its classes
    need PyTorch.

    Args:
        package (str): The package's ``__name__``.
        submodules (Iterable[str]): Modules that are attributes of the package.
        names (Mapping[str, Iterable[str]], optional): Names that the package
            re-exports, by module.

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
        # Later accesses find the attribute.
        setattr(sys.modules[package], name, value)
        return value

    return getattribute, lambda: public, public
