import torch
from torch import Tensor

from .matching_loss import masked_mean
from .precision import full_precision


def sample_bridges(
    mask: Tensor, num_segments: int = 5, overlap: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Draw a head, a middle and a tail frame in every part of a sequence.

    A sequence is cut into ``num_segments`` equal parts, or into fewer that
    hold three frames each. Head and tail lie at a part's two ends, moved by a
    random share of the overlap: outward, but inward at the ends of the
    sequence. The middle is any frame between the two.

    Args:
        mask (Tensor): Existing frames, ``(B, T)``, bool; padding last.
        num_segments (int): S. Defaults to 5.
        overlap (float): Greatest share that a part has in common with the
            next, in [0, 0.5]. Defaults to 0.2.

    Returns:
        tuple[Tensor, Tensor]: Positions of head, middle and tail, increasing,
        ``(B, S, 3)``, int64, and which bridges exist, ``(B, S)``, bool: none
        of a sequence of fewer than three frames. Where there is none, the
        positions are arbitrary, but valid.
    """
    last = (mask.sum(1) - 1)[:, None]
    parts = torch.arange(num_segments, device=mask.device)
    count = (last // 2).clamp(1, num_segments)
    valid = (parts < count) & (last >= 2)
    start, end = parts * last / count, (parts + 1) * last / count
    draws = torch.rand(3, *valid.shape, device=mask.device)
    margin = last / count * overlap / (2 - overlap)
    # Mirrored at the sequence's two ends; rounded away from the middle, so
    # that a frame is left between head and tail.
    head = (start - margin * draws[0]).abs().floor().long()
    tail = (last - (last - end - margin * draws[1]).abs()).ceil().long()
    between = (tail - head - 1).clamp_min(1)
    # The product may round up to what it is below.
    step = (draws[2] * between).long().minimum(between - 1)
    bridges = torch.stack((head, head + 1 + step, tail), -1)
    return torch.where(valid[..., None], bridges, 0), valid


def process_contrast(points: Tensor, times: Tensor, valid: Tensor) -> Tensor:
    """Tell the middle of every Brownian bridge from the others' points.

    Between head h and tail t, ``a = (p - h) / (t - h)`` of the way, a
    Brownian bridge has the mean ``(1 - a) z_h + a z_t`` and the variance
    ``s = a (t - p)``. A frame z in the place of the middle p scores::

        d(z) = -||z - (1 - a) z_h - a z_t||^2 / (2 s)
        L    = -log(exp d(z_p) / (exp d(z_p) + sum_n exp d(z_n)))

    with n the heads, middles and tails of all other bridges of the batch.
    The frame p itself is not among them, though another bridge of its
    sequence may hold it.

    Args:
        points (Tensor): Embeddings of head, middle and tail,
            ``(B, S, 3, D)``.
        times (Tensor): Theirs, ``(B, S, 3)``, increasing, of the same type.
        valid (Tensor): Which bridges exist, ``(B, S)``, bool.

    Returns:
        Tensor: The mean of L over the bridges of each sequence, ``(B,)``,
        not negative; 0 for a sequence without any.
    """
    with full_precision(points, times) as (points, times):
        exists = valid[..., None]
        points = torch.where(exists[..., None], points, 0)
        regular = torch.arange(3, device=times.device, dtype=times.dtype)
        times = torch.where(exists, times, regular)
        h, p, t = times.flatten(0, 1).unbind(-1)
        head, middle, tail = points.flatten(0, 1).unbind(-2)
        way = (p - h) / (t - h)
        sharpness = 1 / (2 * way * (t - p))
        mean = torch.lerp(head, tail, way[:, None])
        positive = -(middle - mean).square().sum(-1) * sharpness
        others = points.flatten(0, 2)
        # Not by differences, which would be a tensor of (BS, 3BS, D).
        distance = mean.square().sum(-1)[:, None] + others.square().sum(-1)
        distance = distance - 2 * mean @ others.T
        negative = (-distance * sharpness[:, None]).masked_fill(
            ~_is_negative(times, valid), -torch.inf
        )
        logits = torch.cat((positive[:, None], negative), 1)
        losses = logits.logsumexp(1) - positive
        return masked_mean(losses.view(valid.shape), valid)


def _is_negative(times: Tensor, valid: Tensor) -> Tensor:
    """Say which points are contrasted with which bridge.

    Args:
        times (Tensor): ``(B, S, 3)``.
        valid (Tensor): ``(B, S)``, bool.

    Returns:
        Tensor: ``(B * S, B * S * 3)``, bool.
    """
    batch, segments = valid.shape
    bridge = torch.arange(batch * segments, device=valid.device)
    owner = bridge.repeat_interleave(3)
    same_frame = (bridge[:, None] // segments == owner // segments) & (
        times[..., 1].flatten()[:, None] == times.flatten()
    )
    exists = valid.flatten().repeat_interleave(3)
    return exists & (bridge[:, None] != owner) & ~same_frame
