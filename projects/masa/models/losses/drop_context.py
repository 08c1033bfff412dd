from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_range
from ..layers import build_mlp


def keep_probability(
    affinity: Tensor, mask: Tensor, least: float | Tensor
) -> Tensor:
    """Compute the probability that a frame has a counterpart.

    ``p_i = b + (1 - b) * sigmoid((a_i - mean(a)) / std(a))``.

    Args:
        affinity (Tensor): a, ``(B, T)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        least (float | Tensor): b, a number in [0, 1].

    Returns:
        Tensor: ``(B, T)``, in [b, 1]; ``(1 + b) / 2`` in the padding and
        where all affinities of a sequence are the same.
    """
    count = mask.sum(1, keepdim=True)
    affinity = torch.where(mask, affinity, 0)
    mean = affinity.sum(1, keepdim=True) / count
    offset = torch.where(mask, affinity - mean, 0)
    variance = offset.square().sum(1, keepdim=True) / (count - 1).clamp_min(1)
    # Noise of rounding must not be blown up to unit variance, and the root
    # has no slope at 0.
    noise = 100 * torch.finfo(mean.dtype).eps * mean
    varied = variance > noise.square()
    score = offset / torch.where(varied, variance, 1).sqrt()
    score = torch.where(varied, score, 0)
    return least + (1 - least) * score.sigmoid()


@MODELS.register_module()
class DropContext(BaseModule):
    """Drop context of GTCC: which frames have a counterpart in another video?

    ``p_i = b + (1 - b) sigmoid(zscore_i(x_i . d_Y))``: d_Y is an MLP's output
    averaged over the frames of Y, the z-score is over the frames of X, and
    ``b = gamma^(1 + step / steps)`` falls as training goes on. The published
    code also adds an offset d0 to the product, which the z-score takes away
    again, and lowers b from epoch to epoch instead of from step to step.

    Args:
        embed_dims (int): Width D of the embeddings. :class:`GTCCLoss` sets
            it.
        hidden_channels (Sequence[int]): Widths of the MLP between. Defaults
            to (512, 128, 256) (the code's).
        gamma (float): In (0, 1]. Defaults to 0.95 (the code's, for videos in
            the wild).
        steps (float): Training steps in which b falls by ``gamma``, above 0.
            Defaults to 50: so b ends where the code's does if training takes
            2,500 steps to its 50 epochs.
        init_cfg (dict, optional): How to initialize. Defaults to None,
            PyTorch's own.

    Raises:
        ValueError: If ``gamma`` or ``steps`` is outside its range.

    Example:
        >>> drop = DropContext(embed_dims=3)
        >>> view = SequenceBatch.from_sequences([torch.ones(4, 3)])
        >>> print(f'{drop(view, view)[0, 0].item():.3f}')
        0.975
    """

    def __init__(
        self,
        embed_dims: int,
        hidden_channels: Sequence[int] = (512, 128, 256),
        gamma: float = 0.95,
        steps: float = 50,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_range('gamma', gamma, 0, 1, open_low=True)
        check_above_zero(steps=steps)
        self.gamma = gamma
        self.steps = steps
        self.mlp = build_mlp((embed_dims, *hidden_channels, embed_dims))
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the probabilities.

        Args:
            view1 (SequenceBatch): Embeddings of X, ``(B, M, D)``, of the type
                of the parameters.
            view2 (SequenceBatch): Of Y, ``(B, N, D)``.

        Returns:
            Tensor: p, ``(B, M)``, in [b, 1].
        """
        x = torch.where(view1.mask[..., None], view1.values, 0)
        y = torch.where(view2.mask[..., None], view2.values, 0)
        shares = view2.mask / view2.lengths[:, None]
        context = shares[:, None].to(y.dtype) @ self.mlp(y)
        affinity = (x @ context.mT).squeeze(-1)
        return keep_probability(affinity, view1.mask, self.least())

    def least(self) -> Tensor:
        """Compute b, the least probability.

        Returns:
            Tensor: Scalar in (0, 1].
        """
        return self.gamma ** (1 + self.step / self.steps)
