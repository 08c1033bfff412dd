"""Temporal cycle-consistency (Dwibedi et al., CVPR 2019).

Rows of a batch are pairs of sequences; nothing crosses from row to row.
Embeddings must be finite in the padding (zeros will do): its weight is 0, and
0 times NaN is NaN.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .matching_loss import masked_mean

SIMILARITIES = ('l2', 'dot', 'cosine')


def similarity_logits(
    query: Tensor,
    key: Tensor,
    key_mask: Tensor,
    similarity: str = 'l2',
    temperature: float = 0.1,
) -> Tensor:
    """Compare every query frame with every key frame.

    ``'l2'`` is ``-|q - k|^2 / (D * temperature)`` without the part that all
    keys of a query share, ``-|q|^2``, which no softmax sees; ``'dot'`` is
    ``q . k / (D * temperature)``; ``'cosine'`` is
    ``cos(q, k) / temperature``.

    Args:
        query (Tensor): ``(B, M, D)``.
        key (Tensor): ``(B, N, D)``.
        key_mask (Tensor): Existing key frames, ``(B, N)``, bool.
        similarity (str): One of ``SIMILARITIES``. Defaults to ``'l2'``.
        temperature (float): Above 0. Defaults to 0.1.

    Returns:
        Tensor: ``(B, M, N)``; minus infinity at keys that do not exist.
    """
    scale = 1 / temperature
    offset = torch.zeros_like(key[..., 0])
    if similarity == 'cosine':
        query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
    else:
        scale /= query.shape[-1]
    if similarity == 'l2':
        offset = -scale * key.square().sum(-1)
        scale *= 2
    offset = offset.masked_fill(~key_mask, -torch.inf)
    return torch.baddbmm(offset.unsqueeze(1), query, key.mT, alpha=scale)


def soft_nearest_neighbor(
    query: Tensor,
    key: Tensor,
    key_mask: Tensor,
    similarity: str = 'l2',
    temperature: float = 0.1,
) -> Tensor:
    """Find the soft nearest neighbour of every query frame.

    Args:
        query (Tensor): u, ``(B, M, D)``.
        key (Tensor): v, ``(B, N, D)``.
        key_mask (Tensor): Existing key frames, ``(B, N)``, bool; one at
            least in every row.
        similarity (str): See :func:`similarity_logits`.
        temperature (float): Likewise.

    Returns:
        Tensor: ``softmax(logits) v``, ``(B, M, D)``.
    """
    logits = similarity_logits(query, key, key_mask, similarity, temperature)
    return logits.softmax(-1) @ key


def cycle_back(
    z1: Tensor,
    z2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    similarity: str = 'l2',
    temperature: float = 0.1,
) -> Tensor:
    """Send every frame to the other sequence and look where it returns to.

    Args:
        z1 (Tensor): The sequence to start from, ``(B, M, D)``.
        z2 (Tensor): The other one, ``(B, N, D)``.
        mask1 (Tensor): Existing frames of the first, ``(B, M)``, bool; one
            at least in every row.
        mask2 (Tensor): Of the other, ``(B, N)``, likewise.
        similarity (str): See :func:`similarity_logits`.
        temperature (float): Likewise.

    Returns:
        Tensor: Logits over the frames to return to, ``(B, M, M)``: row i is
        of the soft nearest neighbour of frame i.
    """
    neighbor = soft_nearest_neighbor(z1, z2, mask2, similarity, temperature)
    return similarity_logits(neighbor, z1, mask1, similarity, temperature)


def returned_time(logits: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Take mean and variance of the time that every frame returns to.

    Args:
        logits (Tensor): What :func:`cycle_back` gave, ``(B, M, M)``.
        time (Tensor): Times of the frames, ``(B, M)``, finite in the
            padding, too.

    Returns:
        tuple[Tensor, Tensor]: ``mu`` and ``sigma^2``, ``(B, M)`` each.
    """
    weight = logits.softmax(-1)
    mean = weight @ time.unsqueeze(-1)
    # E[t^2] - E[t]^2 would lose a sharp peak's variance to rounding.
    squares = (time.unsqueeze(1) - mean).square()
    return mean.squeeze(-1), (weight * squares).sum(-1)


def gaussian_regression(
    error: Tensor, variance: Tensor, variance_lambda: float = 1e-3
) -> Tensor:
    """Weigh errors by their variance: cycle-back regression.

    Args:
        error (Tensor): Differences of time, any shape.
        variance (Tensor): Their variances, above 0, of the same shape.
        variance_lambda (float): Weight of the penalty. Defaults to 1e-3.

    Returns:
        Tensor: ``error^2 / variance + variance_lambda * log(variance)``.
        The paper prints the logarithm of sigma, its code has this one.
    """
    return error.square() / variance + variance_lambda * variance.log()


def cycle_classification(
    logits: Tensor, mask: Tensor, label_smoothing: float = 0.1
) -> Tensor:
    """Ask every frame to return to itself: cycle-back classification.

    Args:
        logits (Tensor): What :func:`cycle_back` gave, ``(B, M, M)``.
        mask (Tensor): Existing frames, ``(B, M)``, bool.
        label_smoothing (float): Share of the label that goes to all existing
            frames in equal parts, in [0, 1). Defaults to 0.1.

    Returns:
        Tensor: Cross-entropies in nats, averaged over the frames, ``(B,)``.
    """
    log_weight = logits.log_softmax(-1)
    itself = log_weight.diagonal(dim1=1, dim2=2)
    everywhere = masked_mean(
        log_weight.flatten(0, 1),
        mask.unsqueeze(1).expand_as(log_weight).flatten(0, 1),
    ).view_as(itself)
    return -masked_mean(torch.lerp(itself, everywhere, label_smoothing), mask)
