"""Find changes of a config since a training was interrupted."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

# Sections that determine the course of a training. The others concern output,
# evaluation, the machine or the initial weights.
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
    # Speed of loading the same batches.
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
    # Compared with the seed drawn and the number of processes, see
    # resumption.py.
    'randomness.seed',
    'train_dataloader.batch_size',
}
# The weights come from the checkpoint.
_INITIALIZATION = 'init_cfg'
# The data may have been moved.
_LOCATIONS = ('ann_file', 'data_prefix', 'data_root')
# Former names of types, which old checkpoints contain.
_RENAMED = {
    'AsyncAmpOptimWrapper': 'DeferredNormAmpOptimWrapper',
    'AsyncOptimWrapper': 'DeferredNormOptimWrapper',
}
# Hooks that change neither weights nor optimizer nor data.
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
# Longest value in a message, in characters.
_SHOWN = 60


class Change(NamedTuple):
    """A setting whose value has changed.

    Attributes:
        key (str): Such as ``optim_wrapper.optimizer.lr``.
        old (Any): Value in the interrupted training, None if not set.
        new (Any): Current value, None if not set.
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
        dict, optional: Settings by name, with tuples as lists, and expressions
        other than containers and literals as text. None if the text is no
        config.
    """
    if not isinstance(text, str):
        return None
    try:
        return {
            statement.targets[0].id: _literal(statement.value)
            for statement in ast.parse(text).body
        } or None
    # Deep nesting raises MemoryError or RecursionError.
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
    """List changed settings that determine the course of a training.

    The seed and the batch size are not compared: they depend on the seed drawn
    and on the number of processes.

    Args:
        old (dict): The interrupted training's config, of
            :func:`parse_config`.
        new (dict): The present config, likewise.

    Returns:
        list[Change]: Changes in the order of the config's sections.
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
    """List changed locations of data and changed hooks that affect training.

    Args:
        old (dict): The interrupted training's config, of
            :func:`parse_config`.
        new (dict): The present config, likewise.

    Returns:
        list[Change]: Changes that are allowed, as they may be intended.
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
