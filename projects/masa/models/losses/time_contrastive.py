import torch
from torch import Tensor

from .precision import full_precision


def draw_pairs(
    index: Tensor, mask: Tensor, num_pairs: int, window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw anchors and, for each, a positive shortly before it.

    Anchors are drawn without replacement among the frames that have another
    frame of the sequence at most ``window`` original frames before them; the
    positive is one of those, all equally likely.

    Args:
        index (Tensor): Original index of every frame, ``(B, T)``, strictly
            increasing over the frames that exist.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        num_pairs (int): Pairs of every sequence.
        window (int): Greatest distance of a positive, in original frames.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Positions of the anchors and of the
        positives, ``(B, K)``, int64, with ``K = min(num_pairs, T)``, and
        whether the pair exists, ``(B, K)``, bool. Where it does not, the
        positions are arbitrary, but valid.
    """
    # Padding must keep the rows sorted.
    beyond = torch.iinfo(index.dtype).max
    sorted_index = index.masked_fill(~mask, beyond).contiguous()
    position = torch.arange(mask.shape[1], device=mask.device)
    earliest = torch.searchsorted(sorted_index, sorted_index - window)
    # Frames that may be the positive of each.
    choices = position - earliest
    # The largest of independent draws are a random subset.
    keys = torch.rand(mask.shape, device=mask.device)
    keys = keys.masked_fill(~mask | (choices < 1), -1)
    drawn, anchors = keys.topk(min(num_pairs, mask.shape[1]))
    choices = choices.gather(1, anchors)
    step = (torch.rand_like(drawn) * choices).long() + 1
    # A product close to 1 may round up to it.
    positives = anchors - torch.minimum(step, choices)
    return anchors, positives.clamp_min(0), drawn >= 0


def gather_frames(z: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
    """Pick frames of every sequence.

    Args:
        z (Tensor): Embeddings, ``(B, T, D)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        positions (Tensor): ``(B, K)``, int64.

    Returns:
        Tensor: ``(B, K, D)``, zeros in place of padding.
    """
    z = z.masked_fill(~mask[..., None], 0)
    rows = torch.arange(len(z), device=z.device)[:, None]
    return z[rows, positions]


def n_pairs_loss(
    anchor: Tensor, positive: Tensor, exists: Tensor, regularization: float
) -> tuple[Tensor, Tensor]:
    """Compute the n-pairs loss (Sohn, 2016) within every sequence.

    ``L = mean_i -log softmax_j(a_i . p_j)[i]
    + regularization / 4 * (mean_i |a_i|^2 + mean_i |p_i|^2)``.

    Args:
        anchor (Tensor): ``(B, K, D)``.
        positive (Tensor): ``(B, K, D)``.
        exists (Tensor): Pairs that exist, ``(B, K)``, bool.
        regularization (float): Weight of the squared norms.

    Returns:
        tuple[Tensor, Tensor]: The losses, ``(B,)``, float32 or wider: 0 for
        a sequence of fewer than two pairs, which has nothing to tell apart;
        and, of these sequences' pairs, the share whose positive has the
        largest product, a scalar.
    """
    with full_precision(anchor, positive) as (anchor, positive):
        logits = anchor @ positive.transpose(1, 2)
        lowest = torch.finfo(logits.dtype).min
        logits = logits.masked_fill(~exists[:, None], lowest)
        own = logits.diagonal(dim1=1, dim2=2)
        entropy = logits.logsumexp(-1) - own
        norms = anchor.square().sum(-1) + positive.square().sum(-1)
        total = entropy + regularization / 4 * norms
        count = exists.sum(1)
        counts = exists & (count >= 2)[:, None]
        losses = torch.where(counts, total, 0).sum(1) / count.clamp_min(1)
        nearest = (own >= logits.amax(-1)) & counts
        return losses, nearest.sum() / counts.sum().clamp_min(1)
