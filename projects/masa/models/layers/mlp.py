from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from .batch_norm import FrameBatchNorm


def build_mlp(widths: Sequence[int], batch_norm: bool = False) -> nn.Module:
    """Build fully connected layers with ReLU between them.

    Args:
        widths (Sequence[int]): Input width, then the output width of every
            layer; at least two.
        batch_norm (bool): Whether batch normalization follows each layer, the
            including the last, as in SimSiam's projection. Defaults to False.

    Returns:
        nn.Module: Maps ``(..., widths[0])`` to ``(..., widths[-1])``, with
        batch normalization ``(F, widths[0])`` to ``(F, widths[-1])``.

    Raises:
        ValueError: If there are fewer than two widths, or one is below 1.

    Example:
        >>> build_mlp((5, 8, 3))
        Sequential(
          (0): Linear(in_features=5, out_features=8, bias=True)
          (1): ReLU(inplace=True)
          (2): Linear(in_features=8, out_features=3, bias=True)
        )
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(
            'widths are expected to be two or more positive integers, '
            f'but got {tuple(widths)}'
        )
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for i, (width_in, width_out) in enumerate(pairwise(widths)):
        # Batch normalization would cancel a bias.
        layers.append(nn.Linear(width_in, width_out, bias=not batch_norm))
        if batch_norm:
            layers.append(FrameBatchNorm(width_out))
        if i < last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
