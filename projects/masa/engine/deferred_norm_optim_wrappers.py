from collections.abc import Sequence

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from ..registry import OPTIM_WRAPPERS


class _DeferredNorm:
    """Keeps the norm of the gradient on the device, as ``grad_norm``.

    MMEngine's wrappers turn it into a number in every step, for which the CPU
    waits until the GPU has finished the step.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.grad_norm: Tensor | None = None
        if self.clip_grad_kwargs:
            self._clip = self.clip_func
            self.clip_func = self._clip_and_keep

    def _clip_and_keep(
        self, parameters: Sequence[torch.nn.Parameter], **kwargs
    ) -> None:
        # MMEngine makes no number of None.
        self.grad_norm = self._clip(parameters, **kwargs)

    # A compiler can improve nothing in it.
    @torch.compiler.disable
    def update_params(self, *args, **kwargs) -> None:
        """Update the parameters; see ``OptimWrapper.update_params``."""
        super().update_params(*args, **kwargs)


# The second names are those that earlier configs have.
@OPTIM_WRAPPERS.register_module(
    name=['DeferredNormOptimWrapper', 'AsyncOptimWrapper']
)
class DeferredNormOptimWrapper(_DeferredNorm, OptimWrapper):
    """An ``OptimWrapper`` without GPU-CPU synchronization.

    :class:`DeferredRuntimeInfoHook` logs the norm of the gradient.

    Args:
        *args (Any): Arguments of ``OptimWrapper``.
        **kwargs (Any): Likewise.
    """


@OPTIM_WRAPPERS.register_module(
    name=['DeferredNormAmpOptimWrapper', 'AsyncAmpOptimWrapper']
)
class DeferredNormAmpOptimWrapper(_DeferredNorm, AmpOptimWrapper):
    """An ``AmpOptimWrapper`` that does not synchronize in bfloat16.

    In float16 the loss has to be scaled, and the CPU waits in every step to
    know whether the gradient overflowed.

    Args:
        loss_scale (str | float | dict): See ``AmpOptimWrapper``. Defaults to
            ``'dynamic'``. Without effect in bfloat16, whose range is that of
            float32.
        dtype (str, optional): ``'float16'`` or ``'bfloat16'``. Defaults to
            the device's own, float16 on CUDA.
        **kwargs (Any): Further arguments of ``AmpOptimWrapper``.
    """

    def __init__(
        self,
        loss_scale: str | float | dict = 'dynamic',
        dtype: str | torch.dtype | None = None,
        **kwargs,
    ):
        if dtype in ('bfloat16', torch.bfloat16):
            loss_scale = dict(enabled=False)
        super().__init__(loss_scale=loss_scale, dtype=dtype, **kwargs)
