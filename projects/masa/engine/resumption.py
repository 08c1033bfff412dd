"""Whether a training can be resumed with a config that has been changed."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from mmengine.optim import OptimWrapper
from torch.optim import Optimizer

# What decides the course of a training. Everything else is about output,
# evaluation, the machine, or what the training begins with.
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
    # Of the data loader: how fast the same batches come.
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
    # Of SequenceAligner: no part of the training.
    'model.embedding',
    'model.readout',
    # Changes the rounding alone.
    'randomness.deterministic',
}
# Compared with what the training drew, and multiplied by the processes.
_COMPARED_APART = {'randomness.seed', 'train_dataloader.batch_size'}
# The weights are those of the checkpoint, whatever they began as.
_INITIAL = 'init_cfg'
# The same data may have been moved.
_PLACES = ('ann_file', 'data_prefix', 'data_root')
# Leave weights, optimizer and data as they are.
_OBSERVERS = {
    'AsyncRuntimeInfoHook',
    'AtomicCheckpointHook',
    'CheckpointHook',
    'CollapseMonitorHook',
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
# MMEngine has them without being told.
_STANDARD_HOOKS = dict(
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
# So much of a value is shown.
_SHOWN = 60


class Change(NamedTuple):
    """A setting that is another than it was.

    Attributes:
        key (str): Such as ``optim_wrapper.optimizer.lr``.
        old (Any): Its value in the training that was interrupted; None where
            it was not set.
        new (Any): Its value now.
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
    """Read the text of a config without running it.

    Args:
        text (Any): Of ``Config.pretty_text``.

    Returns:
        dict, optional: The settings by name. Tuples become lists; what is
        neither a container nor a literal stays as the text of its expression.
        None if it is no such text.
    """
    if not isinstance(text, str):
        return None
    try:
        return {
            statement.targets[0].id: _literal(statement.value)
            for statement in ast.parse(text).body
        } or None
    # MemoryError and RecursionError are how Python refuses deep nesting.
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
                _key(key): _literal(value)
                for key, value in zip(node.keys, node.values, strict=True)
            }
        case ast.Call(func=ast.Name(id='dict'), args=[]):
            return {one.arg: _literal(one.value) for one in node.keywords}
        case ast.UnaryOp(
            op=ast.USub(), operand=ast.Constant(value=int() | float() as size)
        ):
            return -size
    return ast.unparse(node)


def _key(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)


def config_changes(old: dict, new: dict) -> list[Change]:
    """List what decides the course of a training and has been changed.

    The seed and the batch size are not among it: what the training drew and
    how many processes there are have to be known for these.

    Args:
        old (dict): Of :func:`parse_config`.
        new (dict): Likewise.

    Returns:
        list[Change]: Those that are not data moved elsewhere, in the order of
        the config's sections.
    """
    return [
        change
        for section in _SECTIONS
        for change in _differences(
            _effective(section, old), _effective(section, new), section
        )
        if change.key.rpartition('.')[2] not in _PLACES
    ]


def changes_to_tell(old: dict, new: dict) -> list[Change]:
    """List changes that take effect, but may be meant to.

    Args:
        old (dict): Of :func:`parse_config`.
        new (dict): Likewise.

    Returns:
        list[Change]: Where the data are, and hooks that may act on the
        training.
    """
    section = 'train_dataloader'
    moved = [
        change
        for change in _differences(old.get(section), new.get(section), section)
        if change.key.rpartition('.')[2] in _PLACES
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
    if key in _WITHOUT_EFFECT | _COMPARED_APART or key.endswith(_INITIAL):
        return
    places = key.rpartition('.')[2] in _PLACES
    if isinstance(old, dict) and isinstance(new, dict) and not places:
        for name in sorted({*old, *new}, key=str):
            yield from _differences(
                old.get(name), new.get(name), f'{key}.{name}'
            )
    elif _same_length(old, new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f'{key}.{i}')
    elif old != new:
        yield Change(key, old, new)


def _same_length(old: Any, new: Any) -> bool:
    return (
        isinstance(old, list)
        and isinstance(new, list)
        and len(old) == len(new)
        and any(isinstance(item, dict) for item in old)
    )


def _acting_hooks(config: dict) -> dict[str, list]:
    hooks = defaultdict(list)
    named = {**_STANDARD_HOOKS, **(config.get('default_hooks') or {})}
    for hook in chain(named.values(), config.get('custom_hooks') or ()):
        name = hook.get('type') if isinstance(hook, dict) else None
        if name and str(name).rpartition('.')[2] not in _OBSERVERS:
            hooks[name].append(hook)
    return hooks


def as_list(schedulers: Any) -> list[dict]:
    """Give the configs of parameter schedulers as MMEngine takes them.

    Args:
        schedulers (Any): ``param_scheduler`` of a config: None, one or
            several.

    Returns:
        list[dict]: One for each, which may be changed.
    """
    if schedulers is None:
        return []
    if isinstance(schedulers, Mapping):
        schedulers = [schedulers]
    return [dict(one) for one in schedulers]


def types_of(schedulers: Sequence[dict]) -> set[str]:
    """Say of what types schedulers are.

    Args:
        schedulers (Sequence[dict]): Their configs.

    Returns:
        set[str]: Their names.
    """
    return {str(one.get('type')) for one in schedulers}


class StandIn(Optimizer):
    """An optimizer with the settings of another one, and without weights.

    Args:
        optimizer (OptimWrapper): The other. Where a schedule has changed its
            settings, those of the beginning are taken.
    """

    def __init__(self, optimizer: OptimWrapper):
        groups = []
        for group in optimizer.param_groups:
            settings = {k: v for k, v in group.items() if k != 'params'}
            for key in [k for k in settings if k.startswith('initial_')]:
                settings[key.removeprefix('initial_')] = settings.pop(key)
            groups.append(dict(settings, params=[torch.zeros(0)]))
        super().__init__(groups, dict(optimizer.defaults))

    def step(self, closure=None) -> None:
        """Do nothing, as there are no weights."""


class DrySchedule:
    """Parameter schedulers that are stepped without a training.

    Args:
        build (Callable): Makes the schedulers of an optimizer.
        optimizer (OptimWrapper): Whose settings they change. It is left as
            it is.
        epoch_length (int, optional): Iterations after which those that go by
            epochs are stepped. None: never, as MMEngine's loop by iterations
            has it.
    """

    def __init__(
        self,
        build: Callable[[Optimizer], list],
        optimizer: OptimWrapper,
        epoch_length: int | None,
    ):
        self.optimizer = StandIn(optimizer)
        self.schedulers = build(self.optimizer)
        self.epoch_length = epoch_length

    @property
    def steps_alone(self) -> bool:
        """bool: Whether no scheduler waits for a metric."""
        return not any(
            getattr(one, 'need_val_args', False) for one in self.schedulers
        )

    def agrees(self, other: 'DrySchedule', iterations: int) -> bool:
        """Step two schedules, and see whether they are the same.

        Args:
            other (DrySchedule): The other one.
            iterations (int): How many iterations of a training to compare.

        Returns:
            bool: Whether all settings were the same in each of them. What
            they are in the next one is not looked at.
        """
        for iteration in range(1, iterations + 1):
            if self.values() != other.values():
                return False
            self._step(iteration)
            other._step(iteration)
        return True

    def _step(self, iteration: int) -> None:
        self.optimizer.step()
        ends = self.epoch_length and iteration % self.epoch_length == 0
        for one in self.schedulers:
            if not one.by_epoch:
                one.step()
        for one in self.schedulers:
            if one.by_epoch and ends:
                one.step()

    def values(self) -> list[dict]:
        """Return the present settings.

        Returns:
            list[dict]: Those of every group of weights.
        """
        return [
            {k: v for k, v in group.items() if k != 'params'}
            for group in self.optimizer.param_groups
        ]

    def states(self) -> list[dict]:
        """Return the states of the schedulers.

        Returns:
            list[dict]: As ``load_state_dict`` of each takes them.
        """
        return [one.state_dict() for one in self.schedulers]
