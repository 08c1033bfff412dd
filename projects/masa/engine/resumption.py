"""Check whether a training can be resumed with the current config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from ..support.checkpoints import CheckpointError
from .config_changes import (
    LENGTH,
    Change,
    data_and_hook_changes,
    parse_config,
    training_changes,
)
from .schedule_replay import ScheduleReplay


def check_resumable(
    runner: Runner, checkpoint: dict[str, Any], path: str | Path
) -> None:
    """Check that a checkpoint contains the state of a training.

    Args:
        runner (Runner): Runner of the training to resume.
        checkpoint (dict): Contents of the file.
        path (str or Path): The file, for messages.

    Raises:
        CheckpointError: If anything that resuming needs is missing.
    """
    wanted = ['meta', 'message_hub', 'optimizer']
    if runner.param_schedulers is not None:
        wanted.append('param_schedulers')
    missing = [key for key in wanted if key not in checkpoint]
    meta = checkpoint.get('meta', {})
    missing += [f'meta.{k}' for k in ('epoch', 'iter') if k not in meta]
    if missing:
        raise CheckpointError(
            f'{path} cannot be resumed from: it lacks {", ".join(missing)}. '
            'Take a checkpoint of an epoch; to begin a training from these '
            'weights, give it as load_from, without --resume'
        )


def apply_config(
    runner: Runner, checkpoint: dict[str, Any], path: str | Path
) -> None:
    """Apply the changes of the config since a checkpoint, or reject them.

    Args:
        runner (Runner): Runner of the current config.
        checkpoint (dict): The checkpoint to resume. If the schedule has
            changed, its state in the checkpoint is replaced.
        path (str or Path): The file, for messages.

    Raises:
        CheckpointError: If an uninterrupted training with the current config
            would have reached another state.
    """
    meta = checkpoint['meta']
    # MMEngine would execute it as Python.
    meta.pop('config', None)
    old = parse_config(meta.get('cfg'))
    new = parse_config(runner.cfg.pretty_text)
    if old is None or new is None:
        runner.logger.warning(
            f'{"this run" if new is None else path} holds no config that can '
            'be read: whether the training goes on with the same settings is '
            'not checked'
        )
        return
    changes = training_changes(old, new) + _run_changes(runner, meta, old, new)
    schedule = [
        one
        for one in changes
        if one.key in LENGTH or one.key.startswith('param_scheduler')
    ]
    if schedule and _apply_schedule(runner, checkpoint, old):
        changes = [one for one in changes if one not in schedule]
        for change in schedule:
            runner.logger.info(f'applied: {change}')
    if changes:
        raise CheckpointError(
            f'{path} cannot be resumed with this config, as an uninterrupted '
            'training would have gone another way: '
            f'{"; ".join(map(str, changes))}. Resume with the old values, or '
            f'begin a new training with its weights: --load-from {path}'
        )
    for change in data_and_hook_changes(old, new):
        runner.logger.warning(f'from here on {change}')


def length_key(runner: Runner) -> str:
    """Return the key of the setting for the length of a training.

    Args:
        runner (Runner): The runner.

    Returns:
        str: ``train_cfg.max_epochs`` or ``train_cfg.max_iters``.
    """
    return LENGTH[0] if _is_by_epoch(runner) else LENGTH[1]


def is_finished(runner: Runner) -> bool:
    """Return whether a training has reached its length.

    Args:
        runner (Runner): The runner.

    Returns:
        bool: Whether the training is finished.
    """
    if _is_by_epoch(runner):
        return runner.epoch >= runner.max_epochs
    return runner.iter >= runner.max_iters


def _is_by_epoch(runner: Runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)


def _run_changes(
    runner: Runner, meta: dict, old: dict, new: dict
) -> list[Change]:
    """List changes that the texts of the configs do not show."""
    seed = (new.get('randomness') or {}).get('seed')
    pairs = {'randomness.seed': (meta.get('seed'), seed)}
    sizes = [
        (config.get('train_dataloader') or {}).get('batch_size')
        for config in (old, new)
    ]
    if all(isinstance(size, int) for size in sizes):
        # Half the batch size in twice as many processes is equivalent.
        processes = meta.get('world_size', runner.world_size)
        pairs['train_dataloader.batch_size x processes'] = (
            sizes[0] * processes,
            sizes[1] * runner.world_size,
        )
    pairs['the number of iterations in an epoch'] = (
        meta.get('epoch_length'),
        len(runner.train_dataloader),
    )
    return [
        Change(key, *values)
        for key, values in pairs.items()
        if None not in values and values[0] != values[1]
    ]


def _apply_schedule(
    runner: Runner, checkpoint: dict[str, Any], old: dict
) -> bool:
    """Store the current schedule in a checkpoint if it agrees so far.

    Replays both schedules up to the checkpoint, without a model. Returns
    whether they give the same settings in every iteration.
    """
    reached = checkpoint['meta']['iter']
    length = length_key(runner).rpartition('.')[2]
    old_length = (old.get('train_cfg') or {}).get(length)
    before = _scheduler_configs(old)
    now = _scheduler_configs(runner.cfg)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if (
        runner.max_iters < reached
        or isinstance(runner.optim_wrapper, OptimWrapperDict)
        or not isinstance(old_length, int)
        # Never build a type that only the checkpoint names.
        or not _types(before) <= _types(now)
    ):
        return False
    past = _replay(runner, before, old_length)
    present = _replay(runner, now, getattr(runner, length))
    # A schedule that depends on a metric cannot be replayed.
    if any(getattr(one, 'need_val_args', False) for one in present.schedulers):
        return False
    for _ in range(reached):
        if past.settings() != present.settings():
            return False
        past.step()
        present.step()
    checkpoint['param_schedulers'] = [
        one.state_dict() for one in present.schedulers
    ]
    state = checkpoint['optimizer']
    groups = [*state['param_groups']]
    if 'base_param_settings' in state:
        groups.append(state['base_param_settings'])
    # Settings of the next iteration.
    for group, one, other in zip(
        groups, past.settings(), present.settings(), strict=True
    ):
        group.update({k: v for k, v in other.items() if v != one[k]})
    return True


def _scheduler_configs(config: Mapping) -> list[dict]:
    schedulers = config.get('param_scheduler') or []
    if isinstance(schedulers, Mapping):
        schedulers = [schedulers]
    return [dict(one) for one in schedulers]


def _types(schedulers: list[dict]) -> set[str]:
    return {str(one.get('type')) for one in schedulers}


def _replay(
    runner: Runner, schedulers: list[dict], length: int
) -> ScheduleReplay:
    epoch_length = len(runner.train_dataloader)
    by_epoch = _is_by_epoch(runner)
    epochs = length if by_epoch else runner.max_epochs
    iterations = length * epoch_length if by_epoch else length
    for one in schedulers:
        # MMEngine's default.
        by = epochs if one.get('by_epoch', True) else iterations
        one.setdefault('end', by)
    return ScheduleReplay(
        lambda optimizer: runner._build_param_scheduler(schedulers, optimizer),
        runner.optim_wrapper,
        epoch_length if by_epoch else None,
    )
