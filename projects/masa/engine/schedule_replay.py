"""Parameter schedules, replayed without a training."""

from collections.abc import Callable

import torch
from mmengine.optim import OptimWrapper
from torch.optim import Optimizer


class WeightlessOptimizer(Optimizer):
    """An optimizer with another one's initial settings, and without weights.

    Args:
        optimizer (OptimWrapper): The other one. Settings that a schedule has
            changed are taken from before.
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
        optimizer (OptimWrapper): Whose settings they change; it is left as
            it is.
        epoch_length (int, optional): Iterations after which schedulers by
            epoch are stepped. None: never, as in MMEngine's loop by
            iterations.
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
        """Return the present settings.

        Returns:
            list[dict]: Those of every group of weights, such as ``lr``.
        """
        return [
            {k: v for k, v in group.items() if k != 'params'}
            for group in self._optimizer.param_groups
        ]

    def step(self) -> None:
        """Go on to the next iteration."""
        self._iteration += 1
        self._optimizer.step()
        length = self._epoch_length
        epoch_ends = length is not None and self._iteration % length == 0
        # Those by iteration first, as ParamSchedulerHook steps them.
        for one in sorted(self.schedulers, key=lambda one: one.by_epoch):
            if epoch_ends or not one.by_epoch:
                one.step()
