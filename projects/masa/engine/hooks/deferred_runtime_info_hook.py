import torch
from mmengine.hooks import CheckpointHook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from ...registry import HOOKS


# The second name is that in earlier configs.
@HOOKS.register_module(
    name=['DeferredRuntimeInfoHook', 'AsyncRuntimeInfoHook']
)
class DeferredRuntimeInfoHook(RuntimeInfoHook):
    """A ``RuntimeInfoHook`` without GPU-CPU synchronization per iteration.

    MMEngine's hook copies each scalar to the CPU in each iteration. This hook
    keeps scalars on the device until a log or a checkpoint needs them, then
    copies them at once, with the same values in the same order. Until then the
    latest ones are missing in the message hub.
    """

    def __init__(self):
        self._names: list[str] = []
        self._scalars: list[Tensor] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Store the scalars of one iteration; log all if they are due."""
        scalars = dict(outputs or {})
        norm = getattr(runner.optim_wrapper, 'grad_norm', None)
        if norm is not None:
            scalars['grad_norm'] = norm
        self._names += [f'train/{name}' for name in scalars]
        self._scalars += [value.detach() for value in scalars.values()]
        if self._is_due(runner, batch_idx):
            self._log(runner)

    def _is_due(self, runner: Runner, batch_idx: int) -> bool:
        if self.end_of_epoch(runner.train_dataloader, batch_idx):
            return True
        return any(
            self.every_n_inner_iters(batch_idx, hook.interval)
            if isinstance(hook, LoggerHook)
            else self.every_n_train_iters(runner, hook.interval)
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
            or (isinstance(hook, CheckpointHook) and not hook.by_epoch)
        )

    def _log(self, runner: Runner) -> None:
        if self._scalars:
            values = torch.stack([x.float() for x in self._scalars]).tolist()
            for name, value in zip(self._names, values, strict=True):
                runner.message_hub.update_scalar(name, value)
        self._names, self._scalars = [], []
