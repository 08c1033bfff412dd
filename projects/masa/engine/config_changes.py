"""What has been changed in a config since a training was interrupted."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

# The sections that decide the course of a training. All others are about
# output, evaluation, the machine, or what the training begins with.
_SECTIONS = (
    'model',
    'data_preprocessor',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'randomness',
    'sync_bn',
)
LENGTH = ('train_cfg.max_epochs', 'train_cfg.max_iters')
_WITHOUT_EFFECT = {
    # How fast the same batches come.
    'train_dataloader.num_workers',
    'train_dataloader.persistent_workers',
    'train_dataloader.pin_memory',
    'train_dataloader.pin_memory_device',
    'train_dataloader.prefetch_factor',
    'train_dataloader.multiprocessing_context',
    'train_dataloader.timeout',
    'train_cfg.val_interval',
    'train_cfg.val_begin',
    'train_cfg.dynamic_intervals',
    # Used in evaluation only.
    'model.embedding',
    'model.readout',
    # Changes rounding only.
    'randomness.deterministic',
    # Compared by the runner, which knows the seed that was drawn and the
    # number of processes.
    'randomness.seed',
    'train_dataloader.batch_size',
}
# The weights are those of the checkpoint, however they were initialized.
_INITIALIZATION = 'init_cfg'
# The same data may have been moved.
_LOCATIONS = ('ann_file', 'data_prefix', 'data_root')
# Types by their earlier names, which checkpoints may hold.
_RENAMED = {
    'AsyncAmpOptimWrapper': 'DeferredNormAmpOptimWrapper',
    'AsyncOptimWrapper': 'DeferredNormOptimWrapper',
}
# Hooks that leave weights, optimizer and data as they are.
_OBSERVERS = {
    'AsyncRuntimeInfoHook',
    'AtomicCheckpointHook',
    'CheckpointHook',
    'CollapseMonitorHook',
    'DeferredRuntimeInfoHook',
    'EmbeddingFiguresHook',
    'EmptyCacheHook',
    'FiniteCheckHook',
    'IterTimerHook',
    'LoggerHook',
    'NaiveVisualizationHook',
    'PlainCheckpointHook',
    'ProfilerHook',
    'RuntimeInfoHook',
    'VisualizationHook',
}
# Hooks that MMEngine registers by default.
_STANDARD_HOOKS = dict(
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
# Characters of a value that a message shows.
_SHOWN = 60


class Change(NamedTuple):
    """A setting whose value has changed.

    Attributes:
        key (str): Such as ``optim_wrapper.optimizer.lr``.
        old (Any): Its value in the interrupted training, None if not set.
        new (Any): Its present value, None if not set.
    """

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f'{self.key} was {_short(self.old)} and is {_short(self.new)}'


def _short(value: Any) -> str:
    if value is None:
        return 'not set'
    text = ' '.join(repr(value).split())
    return text if len(text) <= _SHOWN else f'{text[: _SHOWN - 4]} ...'


def parse_config(text: Any) -> dict[str, Any] | None:
    """Parse the text of a config without running it.

    Args:
        text (Any): ``Config.pretty_text``.

    Returns:
        dict, optional: The settings by name. Tuples become lists, and
        expressions that are neither containers nor literals stay text. None
        if the text is not that of a config.
    """
    if not isinstance(text, str):
        return None
    try:
        return {
            statement.targets[0].id: _literal(statement.value)
            for statement in ast.parse(text).body
        } or None
    # Python refuses deep nesting by MemoryError or RecursionError.
    except (
        *(SyntaxError, ValueError, AttributeError),
        *(MemoryError, RecursionError),
    ):
        return None


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [_literal(item) for item in node.elts]
        case ast.Dict():
            return {
                ast.unparse(key)
                if not isinstance(key, ast.Constant)
                else key.value: _literal(value)
                for key, value in zip(node.keys, node.values, strict=True)
            }
        case ast.Call(func=ast.Name(id='dict'), args=[]):
            return {one.arg: _literal(one.value) for one in node.keywords}
        case ast.UnaryOp(
            op=ast.USub(), operand=ast.Constant(value=int() | float() as size)
        ):
            return -size
    return ast.unparse(node)


def training_changes(old: dict, new: dict) -> list[Change]:
    """List changed settings that decide the course of a training.

    The seed and the batch size are left to the runner, which knows the seed
    that was drawn and the number of processes.

    Args:
        old (dict): The interrupted training's config, of
            :func:`parse_config`.
        new (dict): The present config, likewise.

    Returns:
        list[Change]: In the order of the config's sections.
    """
    return [
        change
        for section in _SECTIONS
        for change in _differences(
            _effective(section, old), _effective(section, new), section
        )
        if not _is_location(change.key)
    ]


def data_and_hook_changes(old: dict, new: dict) -> list[Change]:
    """List changed locations of the data and hooks that may act on training.

    Args:
        old (dict): The interrupted training's config, of
            :func:`parse_config`.
        new (dict): The present config, likewise.

    Returns:
        list[Change]: Changes that take effect, as they may be intended.
    """
    section = 'train_dataloader'
    moved = [
        change
        for change in _differences(old.get(section), new.get(section), section)
        if _is_location(change.key)
    ]
    before, now = _acting_hooks(old), _acting_hooks(new)
    return moved + [
        Change(f'the hook {name}', before.get(name), now.get(name))
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def _effective(section: str, config: dict) -> Any:
    value = config.get(section)
    if section == 'auto_scale_lr' and isinstance(value, dict):
        return value if value.get('enable') else None
    return value


def _differences(old: Any, new: Any, key: str) -> Iterator[Change]:
    if key in _WITHOUT_EFFECT or key.endswith(_INITIALIZATION):
        return
    kinds = {type(old), type(new)}
    if kinds == {dict} and not _is_location(key):
        for name in sorted({*old, *new}, key=str):
            yield from _differences(
                old.get(name), new.get(name), f'{key}.{name}'
            )
    elif (
        kinds == {list}
        and len(old) == len(new)
        and any(isinstance(item, dict) for item in old)
    ):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f'{key}.{i}')
    elif _present_name(old) != _present_name(new):
        yield Change(key, old, new)


def _present_name(value: Any) -> Any:
    return _RENAMED.get(value, value) if isinstance(value, str) else value


def _is_location(key: str) -> bool:
    return key.rpartition('.')[2] in _LOCATIONS


def _acting_hooks(config: dict) -> dict[str, list]:
    hooks = defaultdict(list)
    named = {**_STANDARD_HOOKS, **(config.get('default_hooks') or {})}
    for hook in chain(named.values(), config.get('custom_hooks') or ()):
        name = hook.get('type') if isinstance(hook, dict) else None
        if name and str(name).rpartition('.')[2] not in _OBSERVERS:
            hooks[name].append(hook)
    return hooks
