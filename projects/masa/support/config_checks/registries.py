"""Look up the ``type`` of a config in MMEngine's registries."""

from collections.abc import Callable

import mmengine.registry as roots
from mmengine.registry import Registry

REGISTRIES = tuple(
    one
    for one in vars(roots).values()
    if isinstance(one, Registry)
    and one.parent is None
    # Configs do not describe these objects.
    and one.name not in ('strategy', 'runner', 'inferencer')
)
# Settings that the builder of a registry takes out of the config.
EXTRA_ARGUMENTS = {
    roots.HOOKS: {'priority'},
    roots.PARAM_SCHEDULERS: {'convert_to_iter_based'},
    roots.WEIGHT_INITIALIZERS: {'override'},
    roots.OPTIM_WRAPPERS: {'constructor', 'paramwise_cfg'},
    # mmcv's norm_cfg.
    roots.MODELS: {'requires_grad'},
    roots.VISUALIZERS: {'name'},
}
# Registry that builds the value of a setting.
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
    """Find the class or function that a ``type`` names.

    Args:
        name (str | Callable): The type, with or without a scope.
        registry (Registry): Root registry to search before all others.

    Returns:
        tuple[Callable | None, Registry]: The class or function, or None if not
        found, and its root registry.
    """
    if not isinstance(name, str):
        return name, registry
    others = [one for one in REGISTRIES if one is not registry]
    for root in (registry, *others):
        for one in _scoped(root), root:
            try:
                found = one.get(name)
            except (RuntimeError, ImportError):
                # Some versions of MMEngine raise instead of returning None,
                # and the module of MMAction2's functions is missing.
                continue
            if found is not None:
                return found, root
    return None, registry


def _scoped(root: Registry) -> Registry:
    """Return the child registry of the default scope."""
    with root.switch_scope_and_registry(None) as scoped:
        return scoped


def names_of(registry: Registry, scope: str = '') -> set[str]:
    """List the names that a ``type`` may have.

    Args:
        registry (Registry): The root registry.
        scope (str): Package whose names to list, prefixed by it, such as
            ``mmengine``. Defaults to the default scope and its parents.

    Returns:
        set[str]: The names; empty if the package has no such registry.
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
