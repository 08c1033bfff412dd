from collections.abc import Sequence

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor

from ..registry import OPTIM_WRAPPERS


class _DeferredNorm:
    """Keep the gradient norm on the device, as ``grad_norm``.

    MMEngine's wrappers call ``item()`` on it in every step, a GPU-CPU
    synchronization.
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
        # Returning None keeps MMEngine from calling item().
        self.grad_norm = self._clip(parameters, **kwargs)

    # Compiling it would gain nothing.
    @torch.compiler.disable
    def update_params(self, *args, **kwargs) -> None:
        """Update the parameters; see ``OptimWrapper.update_params``."""
        super().update_params(*args, **kwargs)


# The second names are those in earlier configs.
@OPTIM_WRAPPERS.register_module(
    name=['DeferredNormOptimWrapper', 'AsyncOptimWrapper']
)
class DeferredNormOptimWrapper(_DeferredNorm, OptimWrapper):
    """An ``OptimWrapper`` without GPU-CPU synchronization.

    :class:`DeferredRuntimeInfoHook` logs the gradient norm.

    Args:
        *args (Any): Arguments of ``OptimWrapper``.
        **kwargs (Any): Keyword arguments of ``OptimWrapper``.
    """


@OPTIM_WRAPPERS.register_module(
    name=['DeferredNormAmpOptimWrapper', 'AsyncAmpOptimWrapper']
)
class DeferredNormAmpOptimWrapper(_DeferredNorm, AmpOptimWrapper):
    """An ``AmpOptimWrapper`` without GPU-CPU synchronization in bfloat16.

    In float16, loss scaling synchronizes in every step to check the gradient
    for overflow.

    Args:
        loss_scale (str | float | dict): See ``AmpOptimWrapper``. Defaults to
            ``'dynamic'``. Ignored in bfloat16, whose range is that of float32.
        dtype (str, optional): ``'float16'`` or ``'bfloat16'``. Defaults to the
            device's default, float16 on CUDA.
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
