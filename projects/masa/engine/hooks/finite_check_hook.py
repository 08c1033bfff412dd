import torch
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from ...registry import HOOKS
from ...support.argument_checks import check_one_or_more
from ..errors import NonFiniteError

REMEDY = (
    'The optimizer has not stepped and the last checkpoint is as it was. '
    'Check these sequences ("masa check"); if they are sound, train '
    'with a lower learning rate or clip_grad.max_norm'
)


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """Stop before a training step on a non-finite loss or gradient.

    The loss and the gradient norm are checked before the optimizer steps,
    which takes one GPU-CPU synchronization, the only one with
    :class:`~masa.engine.DeferredNormOptimWrapper`. The norm is that of
    ``clip_grad``; without ``clip_grad`` the hook computes it.

    With a loss scaler (``AmpOptimWrapper``) gradients may overflow; the scaler
    then skips the step and lowers its scale. Training stops only at a
    non-finite loss or after too many skipped steps in a row.

    Args:
        max_skipped (int): Steps in a row that a loss scaler may skip. Defaults
            to 20, which takes the scale from its usual start, 2^16, to 2^-4,
            where overflow is no longer the cause.

    Raises:
        ValueError: If ``max_skipped`` is below 1.
    """

    # Before hooks that write checkpoints.
    priority = 'VERY_HIGH'

    def __init__(self, max_skipped: int = 20):
        check_one_or_more(max_skipped=max_skipped)
        self.max_skipped = max_skipped
        self._handles = []
        self._skipped = 0

    def before_train(self, runner: Runner) -> None:
        """Register hooks on the model and the optimizer."""
        model = runner.model
        model = model.module if is_model_wrapper(model) else model

        def keep_loss(module: nn.Module, inputs: tuple, output) -> None:
            if module.training and isinstance(output, dict):
                with torch.no_grad():
                    self._loss, _ = module.parse_losses(output)

        def check(*_) -> None:
            self._stepped = True
            self._check_step(runner)

        self._handles = [
            model.register_forward_hook(keep_loss),
            runner.optim_wrapper.optimizer.register_step_pre_hook(check),
        ]

    def after_train(self, runner: Runner) -> None:
        """Remove the hooks from model and optimizer."""
        for handle in self._handles:
            handle.remove()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Store the batch for the message."""
        self._batch = data_batch
        self._loss = None
        self._stepped = False
        self._gradient_finite = True

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the loss if there was no step.

        Raises:
            NonFiniteError: If the loss is not finite, or the loss scaler has
                skipped too many steps.
        """
        if not self._stepped:
            self._check_loss(runner)
        if self._stepped and self._gradient_finite:
            self._skipped = 0
        elif runner.optim_wrapper.should_update():
            self._skipped += 1
        if self._skipped > self.max_skipped:
            scale = runner.optim_wrapper.loss_scaler.get_scale()
            raise NonFiniteError(
                f'the gradient is not finite in {self._skipped} steps in a '
                f'row, down to a loss scale of {scale:g}, the last '
                f'{self._place(runner)}'
            )

    def _check_step(self, runner: Runner) -> None:
        self._check_loss(runner)
        norm = _gradient_norm(runner)
        self._gradient_finite = bool(torch.isfinite(norm))
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        # In bfloat16 the scaler is disabled.
        scaled = scaler is not None and scaler.is_enabled()
        if not self._gradient_finite and not scaled:
            raise NonFiniteError(
                f'the norm of the gradient is {norm.item()} '
                f'{self._place(runner)}'
            )

    def _check_loss(self, runner: Runner) -> None:
        if self._loss is not None and not torch.isfinite(self._loss):
            raise NonFiniteError(
                f'the loss is {self._loss.item()} {self._place(runner)}'
            )

    def _place(self, runner: Runner) -> str:
        names = []
        for sample in (self._batch or {}).get('data_samples', []):
            name = str(sample.get('frame_dir', '?'))
            partner = sample.get('partner')
            names.append(f'{name} with {partner}' if partner else name)
        rank, world_size = get_dist_info()
        process = f' of process {rank}' if world_size > 1 else ''
        return (
            f'in epoch {runner.epoch + 1}, iteration {runner.iter + 1}'
            f'{process}, sequences: {", ".join(names) or "not known"}. '
            f'{REMEDY}'
        )


def _gradient_norm(runner: Runner) -> Tensor:
    wrapper = runner.optim_wrapper
    if getattr(wrapper, 'grad_norm', None) is not None:
        return wrapper.grad_norm
    if wrapper.clip_grad_kwargs and wrapper.grad_name == 'grad_norm':
        logged = runner.message_hub.get_scalar('train/grad_norm')
        return torch.tensor(logged.current())
    norms = [
        parameter.grad.norm()
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
        if parameter.grad is not None
    ]
    return torch.stack(norms).norm() if norms else torch.zeros(())
