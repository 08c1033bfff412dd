"""Check the names of settings and types in the Runner's sections."""

import inspect
from collections.abc import Callable, Iterator, Set
from difflib import get_close_matches
from functools import partial
from typing import Any

import mmengine.registry as roots
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmengine.runner.utils import set_random_seed
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from .finding import Finding, did_you_mean
from .registries import (
    EXTRA_ARGUMENTS,
    REGISTRY_OF_KEY,
    find_type,
    names_of,
)
from .signatures import arguments_of

KNOWN_KEYS = (set(inspect.signature(Runner).parameters) - {'cfg'}) | {
    # Read by MMEngine from the whole config.
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
    # Read by AlignmentInferencer.
    'from_video',
    # Read by SafeRunner.
    'load_partial',
    'unsafe_load',
}
_DEFAULT_HOOKS = {
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
    'visualization',
}
# Types from no registry: MMEngine's clip_grad, and transforms of imgaug in
# MMAction2's ImgAug.
_FOREIGN_KEYS = ('clip_grad',)
_FOREIGN_TYPES = ('ImgAug', 'mmaction.ImgAug')
# Below this similarity to all known types, a type of another package may come
# from no registry.
_SIMILAR = 0.75
_OUR_PACKAGE = __name__.partition('.')[0]


def check_section(key: str, value: Any) -> Iterator[Finding]:
    """Check the names in one section of a config.

    Args:
        key (str): Name of the section.
        value (Any): Its value.

    Yields:
        Finding: Each name that nothing knows.
    """
    if isinstance(value, dict) and key in _CHECKS:
        yield from _CHECKS[key](value, key)
    elif isinstance(value, (list, tuple)) and key in _LISTS:
        yield from _check_within(value, key, _LISTS[key], strict=True)


def _check_loader(config: dict, path: str) -> Iterator[Finding]:
    known = (arguments_of(DataLoader) or frozenset()) | {
        'num_batch_per_epoch',
        'disable_subprocess_warning',
    }
    yield from _check_keys(config, path, known)
    yield from _check_within(config, path, roots.DATASETS, strict=True)


def _check_train_loop(config: dict, path: str) -> Iterator[Finding]:
    by_epoch = config.get('by_epoch') is not False
    default = 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop'
    yield from _check_component(
        config, path, roots.LOOPS, default, frozenset({'by_epoch'})
    )


def _check_optim_wrapper(config: dict, path: str) -> Iterator[Finding]:
    registry = roots.OPTIM_WRAPPERS
    # Without either key it has one wrapper per optimizer.
    if {'optimizer', 'type'} & config.keys():
        yield from _check_component(config, path, registry, 'OptimWrapper')
    else:
        yield from _check_within(config, path, registry, strict=False)


def _check_default_hooks(config: dict, path: str) -> Iterator[Finding]:
    for key, hook in config.items():
        if isinstance(hook, dict) and 'type' not in hook:
            hint = did_you_mean(key, _DEFAULT_HOOKS - {key})
            yield Finding(f'{path}.{key}', f'this hook has no type{hint}')
    yield from _check_within(config, path, roots.HOOKS, strict=True)


def _check_environment(config: dict, path: str) -> Iterator[Finding]:
    known = {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'}
    yield from _check_keys(config, path, known)
    known = arguments_of(set_multi_processing) or frozenset()
    yield from _check_keys(
        config.get('mp_cfg') or {}, f'{path}.mp_cfg', known - {'distributed'}
    )


def _check_typed(
    config: dict, path: str, registry: Registry
) -> Iterator[Finding]:
    if 'type' in config:
        yield from _check_component(config, path, registry)
    else:
        yield from _check_within(config, path, registry, strict=False)


def _check_component(
    config: dict,
    path: str,
    registry: Registry,
    default: Any = None,
    extra: frozenset[str] = frozenset(),
    strict: bool = True,
) -> Iterator[Finding]:
    """Check the config of one object and everything inside it.

    ``default`` is the type if the config has none, and ``extra`` are valid
    names besides the arguments. Without ``strict``, an unknown type is an
    error only if it is similar to a known one.
    """
    name = config.get('type', default)
    target, registry = find_type(name, registry)
    if target is None:
        known = names_of(registry, name.rpartition('.')[0])
        if strict or get_close_matches(name, known, 1, _SIMILAR):
            yield Finding(
                f'{path}.type',
                f'{name!r} is not in the registry {registry.name!r}'
                f'{did_you_mean(name, known)}',
            )
        yield from _check_within(config, path, registry, strict=False)
        return
    known = arguments_of(target)
    if known is not None:
        known = known | extra | EXTRA_ARGUMENTS.get(registry, set())
        yield from _check_keys(
            config,
            path,
            known,
            f'{getattr(target, "__name__", target)} takes no such argument',
        )
    if name not in _FOREIGN_TYPES:
        module = getattr(target, '__module__', '') or ''
        ours = module.partition('.')[0] == _OUR_PACKAGE
        yield from _check_within(config, path, registry, strict=ours)


def _check_within(
    value: Any, path: str, registry: Registry, strict: bool
) -> Iterator[Finding]:
    """Check every config with a ``type`` inside a dict or list."""
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
        kind = item.get('type') if isinstance(item, dict) else None
        if isinstance(kind, str) or callable(kind):
            yield from _check_component(item, inner, built_from, strict=strict)
        else:
            yield from _check_within(item, inner, built_from, strict)


def _check_keys(
    config: dict,
    path: str,
    known: Set[str],
    message: str = 'there is no such setting',
) -> Iterator[Finding]:
    known = known | {'type'}
    for key in config:
        if key not in known and key not in ('_scope_', '_delete_'):
            yield Finding(
                f'{path}.{key}', f'{message}{did_you_mean(str(key), known)}'
            )


_CHECKS: dict[str, Callable[[dict, str], Iterator[Finding]]] = dict(
    model=partial(_check_typed, registry=roots.MODELS),
    data_preprocessor=partial(_check_typed, registry=roots.MODELS),
    train_dataloader=_check_loader,
    val_dataloader=_check_loader,
    test_dataloader=_check_loader,
    train_cfg=_check_train_loop,
    val_cfg=partial(_check_component, registry=roots.LOOPS, default='ValLoop'),
    test_cfg=partial(
        _check_component, registry=roots.LOOPS, default='TestLoop'
    ),
    optim_wrapper=_check_optim_wrapper,
    param_scheduler=partial(_check_typed, registry=roots.PARAM_SCHEDULERS),
    val_evaluator=partial(
        _check_component, registry=roots.EVALUATOR, default='Evaluator'
    ),
    test_evaluator=partial(
        _check_component, registry=roots.EVALUATOR, default='Evaluator'
    ),
    default_hooks=_check_default_hooks,
    visualizer=partial(
        _check_component, registry=roots.VISUALIZERS, default='Visualizer'
    ),
    log_processor=partial(
        _check_component, registry=roots.LOG_PROCESSORS, default='LogProcessor'
    ),
    env_cfg=_check_environment,
    randomness=partial(
        _check_keys, known=arguments_of(set_random_seed) or frozenset()
    ),
    auto_scale_lr=partial(_check_keys, known={'enable', 'base_batch_size'}),
)
_LISTS = dict(
    param_scheduler=roots.PARAM_SCHEDULERS,
    custom_hooks=roots.HOOKS,
    val_evaluator=roots.METRICS,
    test_evaluator=roots.METRICS,
    visualizer=roots.VISUALIZERS,
)
