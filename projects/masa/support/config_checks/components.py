from collections.abc import Iterator, Set
from difflib import get_close_matches
from typing import Any

from mmengine.registry import Registry

from .finding import Finding, did_you_mean
from .registries import (
    EXTRA_ARGUMENTS,
    REGISTRY_OF_KEY,
    find_type,
    names_of,
)
from .signatures import arguments_of

# Have a type that is of no registry: MMEngine's clip_grad and MMAction2's
# ImgAug, whose transforms are those of imgaug.
_FOREIGN_KEYS = ('clip_grad',)
_FOREIGN_TYPES = ('ImgAug', 'mmaction.ImgAug')
_OUR_PACKAGE = __name__.partition('.')[0]


def check_component(
    config: dict,
    path: str,
    registry: Registry,
    default: Any = None,
    extra: frozenset[str] = frozenset(),
    strict: bool = True,
) -> Iterator[Finding]:
    """Check the config of one thing that a registry builds, and all within.

    Args:
        config (dict): The config.
        path (str): Where it stands.
        registry (Registry): The root registry that it is built from.
        default (Any, optional): What is built where there is no ``type``.
        extra (frozenset[str]): Names that are taken beside the arguments.
        strict (bool): Whether a type that is not found is an error even if
            no known one is near. Defaults to True.

    Yields:
        Finding: Each that there is.
    """
    name = config.get('type', default)
    target, registry = find_type(name, registry)
    if target is None:
        known = names_of(registry, name.rpartition('.')[0])
        if strict or get_close_matches(name, known, 1, 0.75):
            yield Finding(
                f'{path}.type',
                f'{name!r} is not in the registry {registry.name!r}'
                f'{did_you_mean(name, known)}',
            )
        yield from check_within(config, path, registry, strict=False)
        return
    known = arguments_of(target)
    if known is not None:
        known = known | extra | EXTRA_ARGUMENTS.get(registry, set())
        yield from check_names(
            config,
            path,
            known,
            f'{getattr(target, "__name__", target)} takes no such argument',
        )
    if name not in _FOREIGN_TYPES:
        module = getattr(target, '__module__', '') or ''
        ours = module.partition('.')[0] == _OUR_PACKAGE
        yield from check_within(config, path, registry, strict=ours)


def check_within(
    value: Any, path: str, registry: Registry, strict: bool
) -> Iterator[Finding]:
    """Check what stands inside of a config, wherever it has a ``type``.

    Args:
        value (Any): The dict, list or anything else.
        path (str): Where it stands.
        registry (Registry): The root registry of what it is in.
        strict (bool): As of :func:`check_component`.

    Yields:
        Finding: Each that there is.
    """
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        if key in _FOREIGN_KEYS:
            continue
        inner = f'{path}.{key}'
        built_from = REGISTRY_OF_KEY.get(key, registry)
        if isinstance(item, dict) and _is_type(item.get('type')):
            yield from check_component(item, inner, built_from, strict=strict)
        else:
            yield from check_within(item, inner, built_from, strict)


def _is_type(value: Any) -> bool:
    return isinstance(value, str) or callable(value)


def check_names(
    config: dict, path: str, known: Set[str], message: str
) -> Iterator[Finding]:
    """Check the keys of a dict.

    Args:
        config (dict): The dict.
        path (str): Where it stands.
        known (Set[str]): The valid keys.
        message (str): What to say of another.

    Yields:
        Finding: Each that there is.
    """
    known = known | {'type'}
    for key in config:
        if key not in known and key not in ('_scope_', '_delete_'):
            yield Finding(
                f'{path}.{key}', f'{message}{did_you_mean(str(key), known)}'
            )
