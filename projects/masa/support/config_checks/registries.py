"""What a ``type`` of a config stands for."""

from collections.abc import Callable

import mmengine.registry as roots
from mmengine.registry import Registry

REGISTRIES = tuple(
    one
    for one in vars(roots).values()
    if isinstance(one, Registry)
    and one.parent is None
    # Not for what stands in a config, and not of every package.
    and one.name not in ('strategy', 'runner', 'inferencer')
)
# What the builders of a registry take out before they build.
EXTRA_ARGUMENTS = {
    roots.HOOKS: {'priority'},
    roots.PARAM_SCHEDULERS: {'convert_to_iter_based'},
    roots.WEIGHT_INITIALIZERS: {'override'},
    roots.OPTIM_WRAPPERS: {'constructor', 'paramwise_cfg'},
    # mmcv's norm_cfg.
    roots.MODELS: {'requires_grad'},
    roots.VISUALIZERS: {'name'},
}
# What is built from what stands under a name.
REGISTRY_OF_KEY = {
    'batch_sampler': roots.DATA_SAMPLERS,
    'collate_fn': roots.FUNCTIONS,
    'dataset': roots.DATASETS,
    'datasets': roots.DATASETS,
    'init_cfg': roots.WEIGHT_INITIALIZERS,
    'metrics': roots.METRICS,
    'optimizer': roots.OPTIMIZERS,
    'pipeline': roots.TRANSFORMS,
    'prior': roots.TASK_UTILS,
    'sampler': roots.DATA_SAMPLERS,
    'spatial': roots.TRANSFORMS,
    'transforms': roots.TRANSFORMS,
    'vis_backends': roots.VISBACKENDS,
    'worker_init_fn': roots.FUNCTIONS,
}


def find_type(
    name: str | Callable, registry: Registry
) -> tuple[Callable | None, Registry]:
    """Find the class or function that a ``type`` stands for.

    Args:
        name (str | Callable): The type, with or without a scope.
        registry (Registry): The root registry to look at first; a class is
            taken from another one where this has none.

    Returns:
        tuple[Callable | None, Registry]: It and the root registry that it is
        of; None if there is none.
    """
    if not isinstance(name, str):
        return name, registry
    others = [one for one in REGISTRIES if one is not registry]
    for root in (registry, *others):
        for one in _scoped(root), root:
            try:
                found = one.get(name)
            except (RuntimeError, ImportError):
                # MMEngine's answer, depending on its version, if not None;
                # and MMAction2's functions are to be in a module that is not.
                continue
            if found is not None:
                return found, root
    return None, registry


def _scoped(root: Registry) -> Registry:
    """Return the registry of the default scope, as MMEngine builds from."""
    with root.switch_scope_and_registry(None) as scoped:
        return scoped


def names_of(registry: Registry, scope: str = '') -> set[str]:
    """List the names that a ``type`` may have.

    Args:
        registry (Registry): The root registry.
        scope (str): The package to list names of, such as ``mmengine``; they
            then start with it. Defaults to the default scope and those that
            it takes names from.

    Returns:
        set[str]: The names; none of a package that has no such registry.
    """
    if scope:
        scoped = {**registry.children, registry.scope: registry}.get(scope)
        names = scoped.module_dict if scoped is not None else ()
        return {f'{scope}.{name}' for name in names}
    names = set()
    one: Registry | None = _scoped(registry)
    while one is not None:
        names |= one.module_dict.keys()
        one = one.parent
    return names
