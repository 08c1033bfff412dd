"""Soft nearest neighbors, the first half of a temporal cycle.

Rows of a batch are pairs of sequences; nothing crosses from row to row.
Embeddings must be finite in the padding (zeros will do): its weight is 0, and
0 times NaN is NaN.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

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
    """Find the soft nearest neighbor of every query frame.

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
