"""The parts of a config that MMEngine's Runner takes."""

import inspect
from collections.abc import Callable, Iterator, Set
from typing import Any

import mmengine.registry as roots
from mmengine.runner import Runner
from mmengine.runner.utils import set_random_seed
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from .components import check_component, check_names, check_within
from .finding import Finding, did_you_mean
from .signatures import arguments_of

_LOADER_ARGUMENTS = (arguments_of(DataLoader) or frozenset()) | {
    'num_batch_per_epoch',
    'disable_subprocess_warning',
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
_NO_ARGUMENT = 'there is no such setting'


def _check_loader(config: Any, path: str) -> Iterator[Finding]:
    yield from check_names(config, path, _LOADER_ARGUMENTS, _NO_ARGUMENT)
    yield from check_within(config, path, roots.DATASETS, strict=True)


def _check_train_loop(config: Any, path: str) -> Iterator[Finding]:
    default = 'EpochBasedTrainLoop'
    if config.get('by_epoch') is False:
        default = 'IterBasedTrainLoop'
    yield from check_component(
        config, path, roots.LOOPS, default, frozenset({'by_epoch'})
    )


def _check_optim_wrapper(config: Any, path: str) -> Iterator[Finding]:
    # Otherwise one wrapper for each of several optimizers.
    if {'optimizer', 'type'} & config.keys():
        yield from check_component(
            config, path, roots.OPTIM_WRAPPERS, 'OptimWrapper'
        )
    else:
        yield from check_within(
            config, path, roots.OPTIM_WRAPPERS, strict=False
        )


def _check_default_hooks(config: Any, path: str) -> Iterator[Finding]:
    for key, hook in config.items():
        if isinstance(hook, dict) and 'type' not in hook:
            hint = did_you_mean(key, _DEFAULT_HOOKS - {key})
            yield Finding(f'{path}.{key}', f'this hook has no type{hint}')
    yield from check_within(config, path, roots.HOOKS, strict=True)


def _check_environment(config: Any, path: str) -> Iterator[Finding]:
    known = {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'}
    yield from check_names(config, path, known, _NO_ARGUMENT)
    yield from check_names(
        config.get('mp_cfg') or {},
        f'{path}.mp_cfg',
        (arguments_of(set_multi_processing) or frozenset()) - {'distributed'},
        _NO_ARGUMENT,
    )


def _names(known: Set[str]) -> Callable:
    return lambda config, path: check_names(config, path, known, _NO_ARGUMENT)


def _component(registry: roots.Registry, default: str | None) -> Callable:
    def check(config: Any, path: str) -> Iterator[Finding]:
        if 'type' in config or default:
            yield from check_component(config, path, registry, default)
        else:
            yield from check_within(config, path, registry, strict=False)

    return check


_CHECKS: dict[str, Callable] = dict(
    model=_component(roots.MODELS, None),
    data_preprocessor=_component(roots.MODELS, None),
    train_dataloader=_check_loader,
    val_dataloader=_check_loader,
    test_dataloader=_check_loader,
    train_cfg=_check_train_loop,
    val_cfg=_component(roots.LOOPS, 'ValLoop'),
    test_cfg=_component(roots.LOOPS, 'TestLoop'),
    optim_wrapper=_check_optim_wrapper,
    param_scheduler=_component(roots.PARAM_SCHEDULERS, None),
    val_evaluator=_component(roots.EVALUATOR, 'Evaluator'),
    test_evaluator=_component(roots.EVALUATOR, 'Evaluator'),
    default_hooks=_check_default_hooks,
    visualizer=_component(roots.VISUALIZERS, 'Visualizer'),
    log_processor=_component(roots.LOG_PROCESSORS, 'LogProcessor'),
    env_cfg=_check_environment,
    randomness=_names(arguments_of(set_random_seed) or frozenset()),
    auto_scale_lr=_names({'enable', 'base_batch_size'}),
)
_LISTS = dict(
    param_scheduler=roots.PARAM_SCHEDULERS,
    custom_hooks=roots.HOOKS,
    val_evaluator=roots.METRICS,
    test_evaluator=roots.METRICS,
    visualizer=roots.VISUALIZERS,
)
KNOWN_KEYS = (set(inspect.signature(Runner).parameters) - {'cfg'}) | {
    # Read by MMEngine out of the whole config.
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


def check_section(key: str, value: Any) -> Iterator[Finding]:
    """Check one part of a config.

    Args:
        key (str): Its name.
        value (Any): What stands there.

    Yields:
        Finding: Each that there is.
    """
    if isinstance(value, dict) and key in _CHECKS:
        yield from _CHECKS[key](value, key)
    elif isinstance(value, (list, tuple)) and key in _LISTS:
        yield from check_within(value, key, _LISTS[key], strict=True)
