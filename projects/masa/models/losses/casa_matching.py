import torch
from torch import Tensor

from .implicit_clustering_loss import match_frames
from .matching_loss import masked_mean, predict_frame_index
from .precision import full_precision

SIMILARITIES = ('distance', 'cosine')


def euclidean_distance(a: Tensor, b: Tensor) -> Tensor:
    """Compute Euclidean distances with a gradient of 0 between equal points.

    By a matrix product: ``torch.cdist`` holds a ``(B, M, N, D)`` tensor for
    its gradient on a GPU, or has rounding errors in place of zeros.

    Args:
        a (Tensor): ``(B, M, D)``.
        b (Tensor): ``(B, N, D)``.

    Returns:
        Tensor: ``(B, M, N)``.
    """
    # The nearer to the origin, the less is lost to cancellation.
    centre = b.detach().mean(1, keepdim=True)
    a, b = a - centre, b - centre
    norms = a.square().sum(-1)[..., None] + b.square().sum(-1)[:, None]
    square = torch.baddbmm(norms, a, b.transpose(1, 2), alpha=-2)
    # What is left of equal points has no direction.
    apart = square > 8 * torch.finfo(a.dtype).eps * norms
    return torch.where(apart, square, 1).sqrt().masked_fill(~apart, 0)


def predict_index_by_distance(
    query: Tensor,
    key: Tensor,
    key_index: Tensor,
    key_mask: Tensor,
    temperature: float,
) -> Tensor:
    """Predict the original frame index of every query frame, as CASA does.

    ``gamma_jk = softmax_k(-|q_j - k_k| / (D^1.5 * temperature))`` and
    ``j_hat = sum_k gamma_jk * index(k)``: both embeddings are divided by
    ``sqrt(D)``, and their distance by ``D * temperature``.

    Args:
        query (Tensor): ``(B, M, D)``, finite everywhere.
        key (Tensor): ``(B, N, D)``, finite everywhere.
        key_index (Tensor): Indices of the keys, ``(B, N)``, of the same type
            as the embeddings.
        key_mask (Tensor): Keys that exist, ``(B, N)``, bool; one at least in
            every row.
        temperature (float): Above 0.

    Returns:
        Tensor: ``(B, M)``, within the range of ``key_index``.
    """
    width = query.shape[-1]
    logits = euclidean_distance(query, key) / (-(width**1.5) * temperature)
    logits = logits.masked_fill(~key_mask[:, None], -torch.inf)
    return (logits.softmax(-1) @ key_index[..., None]).squeeze(-1)


def casa_matching_loss(
    original: Tensor,
    augmented: Tensor,
    index_o: Tensor,
    index_a: Tensor,
    mask_o: Tensor,
    mask_a: Tensor,
    temperature: float,
    similarity: str,
) -> Tensor:
    """Compute how far augmented frames are from where they are predicted.

    ``L = mean_j (g(j) - j_hat)^2`` over the augmented frames whose original
    frame is there.

    Args:
        original (Tensor): Embeddings of the sequences, ``(B, M, D)``.
        augmented (Tensor): Of the augmented views, ``(B, N, D)``.
        index_o (Tensor): Original indices, ``(B, M)``, int64, strictly
            increasing over the frames that exist.
        index_a (Tensor): g, of the augmented frames, ``(B, N)``, int64.
        mask_o (Tensor): Existing frames of the sequences, ``(B, M)``, bool;
            one at least in every row.
        mask_a (Tensor): Of the augmented views, ``(B, N)``, bool.
        temperature (float): Of the softmax, above 0.
        similarity (str): ``'distance'``
            (:func:`predict_index_by_distance`) or ``'cosine'``
            (:func:`predict_frame_index`, which is fused).

    Returns:
        Tensor: ``(B,)``, in squared frames, float32 or wider; 0 where no
        frame is in both.
    """
    predict = dict(
        distance=predict_index_by_distance, cosine=predict_frame_index
    )[similarity]
    with full_precision(original, augmented) as (original, augmented):
        predicted = predict(
            augmented.masked_fill(~mask_a[..., None], 0),
            original.masked_fill(~mask_o[..., None], 0),
            index_o.to(original.dtype),
            mask_o,
            temperature,
        )
        _, matched = match_frames(index_a, index_o, mask_a, mask_o)
        return masked_mean((index_a - predicted).square(), matched)
