import torch
import torch.nn.functional as F
from torch import Tensor

from .matching_loss import masked_mean


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    """Compute the squared Euclidean distances of frames.

    Args:
        x (Tensor): ``(B, M, D)``.
        y (Tensor): ``(B, N, D)``.

    Returns:
        Tensor: ``(B, M, N)``; not below 0 but for rounding.
    """
    norms = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None]
    return torch.baddbmm(norms, x, y.mT, alpha=-2)


def intra_contrast(
    z: Tensor,
    frame_index: Tensor,
    mask: Tensor,
    window: float = 15.0,
    margin: float = 2.0,
) -> Tensor:
    """Contrast the frames of one sequence with each other: VAVA's ``C(X)``.

    The mean over all pairs of frames of ``d / ((i - j)^2 + 1)`` where ``|i -
    j| <= window``, else of ``max(0, margin - d)``; ``d`` is the *mean*
    squared difference of the embeddings.

    Args:
        z (Tensor): ``(B, T, D)``, float32 or float64, finite.
        frame_index (Tensor): Indices of the frames, ``(B, T)``, int64.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        window (float): In frames. Defaults to 15.
        margin (float): Defaults to 2.

    Returns:
        Tensor: ``(B,)``.
    """
    distance = squared_distance(z, z) / z.shape[2]
    gap = (frame_index[:, :, None] - frame_index[:, None]).abs()
    terms = torch.where(
        gap > window,
        (margin - distance).relu(),
        distance / (gap.to(z.dtype).square() + 1),
    )
    pair = mask[:, :, None] & mask[:, None]
    return masked_mean(terms.flatten(1), pair.flatten(1))


def inter_contrast(
    distance: Tensor,
    log_plan: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    temperature: float = 0.5,
) -> Tensor:
    """Contrast the best and the worst match of every frame.

    The cross-entropy that tells the mean distance to the best matches from
    that to the worst, ``log(1 + exp((best - worst) / temperature))``. The
    plan ranks the matches; each mean is over the frames of one sequence, and
    those of both are added.

    Args:
        distance (Tensor): Mean squared differences, ``(B, M, N)``, finite.
        log_plan (Tensor): Logarithm of the plan between frames, ``(B, M,
            N)``; no gradient.
        mask1 (Tensor): Existing frames, ``(B, M)``, bool.
        mask2 (Tensor): ``(B, N)``.
        temperature (float): Above 0. Defaults to 0.5.

    Returns:
        Tensor: ``(B,)``.
    """
    best, worst = (
        masked_mean(distance.gather(2, columns).squeeze(2), mask1)
        + masked_mean(distance.gather(1, rows).squeeze(1), mask2)
        for columns, rows in _extremes(log_plan.detach(), mask1, mask2)
    )
    return F.softplus((best - worst) / temperature)


def _extremes(
    log_plan: Tensor, mask1: Tensor, mask2: Tensor
) -> tuple[tuple[Tensor, Tensor], ...]:
    outside = ~(mask1[:, :, None] & mask2[:, None])
    highest = log_plan.masked_fill(outside, -torch.inf)
    lowest = log_plan.masked_fill(outside, torch.inf)
    return (
        (highest.argmax(2, keepdim=True), highest.argmax(1, keepdim=True)),
        (lowest.argmin(2, keepdim=True), lowest.argmin(1, keepdim=True)),
    )
