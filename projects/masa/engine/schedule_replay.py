"""Replay parameter schedules without a training."""

from collections.abc import Callable

import torch
from mmengine.optim import OptimWrapper
from torch.optim import Optimizer


class WeightlessOptimizer(Optimizer):
    """An optimizer without weights, with the initial settings of another.

    Args:
        optimizer (OptimWrapper): The other optimizer. Changes by a schedule
            are undone.
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


class ScheduleReplay:
    """Parameter schedulers that are stepped without a training.

    Args:
        build (Callable): Builds the schedulers of an optimizer.
        optimizer (OptimWrapper): Source of the settings; not changed.
        epoch_length (int, optional): Iterations per epoch, for schedulers by
            epoch. With None they are never stepped, as in MMEngine's
            iteration-based loop.
    """

    def __init__(
        self,
        build: Callable[[Optimizer], list],
        optimizer: OptimWrapper,
        epoch_length: int | None,
    ):
        self._optimizer = WeightlessOptimizer(optimizer)
        self._epoch_length = epoch_length
        self._iteration = 0
        self.schedulers = build(self._optimizer)

    def settings(self) -> list[dict]:
        """Return the current settings.

        Returns:
            list[dict]: Settings, such as ``lr``, of each parameter group.
        """
        return [
            {k: v for k, v in group.items() if k != 'params'}
            for group in self._optimizer.param_groups
        ]

    def step(self) -> None:
        """Advance to the next iteration."""
        self._iteration += 1
        self._optimizer.step()
        length = self._epoch_length
        epoch_ends = length is not None and self._iteration % length == 0
        # By iteration first, in the order of ParamSchedulerHook.
        for one in sorted(self.schedulers, key=lambda one: one.by_epoch):
            if epoch_ends or not one.by_epoch:
                one.step()
