from collections.abc import Sequence

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from ..registry import OPTIM_WRAPPERS


class _LeavesGradientNorm:
    """Leaves the norm of the gradient on the device, as ``grad_norm``.

    MMEngine's wrappers turn it into a number in every step, for which the
    host waits until the device has done the whole step.
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
        # Of None, MMEngine makes no number.
        self.grad_norm = self._clip(parameters, **kwargs)

    # Nothing in it that a compiler could do better.
    @torch.compiler.disable
    def update_params(self, *args, **kwargs) -> None:
        """Update the parameters; see ``OptimWrapper``.

        Args:
            *args (Any): Of ``OptimWrapper.update_params``.
            **kwargs (Any): Likewise.
        """
        super().update_params(*args, **kwargs)


@OPTIM_WRAPPERS.register_module()
class AsyncOptimWrapper(_LeavesGradientNorm, OptimWrapper):
    """MMEngine's wrapper, without waiting for the device.

    :class:`AsyncRuntimeInfoHook` logs the norm of the gradient.

    Args:
        *args (Any): Of ``OptimWrapper``.
        **kwargs (Any): Likewise.
    """


@OPTIM_WRAPPERS.register_module()
class AsyncAmpOptimWrapper(_LeavesGradientNorm, AmpOptimWrapper):
    """MMEngine's wrapper for mixed precision, in bfloat16 without waiting.

    In float16 the loss has to be scaled, and the host waits in every step to
    know whether the gradient overflowed.

    Args:
        loss_scale (str | float | dict): See ``AmpOptimWrapper``. Defaults to
            ``'dynamic'``; not used in bfloat16, whose range is float32's.
        dtype (str, optional): ``'float16'`` or ``'bfloat16'``. Defaults to
            the device's own, float16 on CUDA.
        **kwargs (Any): Of ``AmpOptimWrapper``.
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
