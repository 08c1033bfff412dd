import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision
from .time_contrastive import gather_frames

# A triplet's three frames and one on either side of them.
FRAMES_DRAWN = 5


def draw_triplets(
    mask: Tensor, num_triplets: int, shuffled_share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw triplets of frames, some of them out of order.

    For each, five different frames ``i0 < ... < i4`` of the sequence, all
    sets of five being equally likely, and backwards half of the time. In
    order is ``(i1, i2, i3)``; shuffled is ``(i1, i0, i3)`` or
    ``(i1, i4, i3)``, equally likely: the frame in the middle is not between
    the others.

    Args:
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        num_triplets (int): Triplets K of every sequence.
        shuffled_share (float): Probability of a shuffled one.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Positions of the frames,
        ``(B, K, 3)``, int64; whether they are in order, ``(B, K)``, bool;
        whether the sequence has five frames, ``(B,)``, bool. Without five
        the positions are arbitrary, but valid.
    """
    batch, length = mask.shape
    shape = batch, num_triplets
    missing = max(FRAMES_DRAWN - length, 0)
    # The largest of independent draws are a random subset.
    keys = torch.rand(*shape, length, device=mask.device)
    keys = F.pad(keys.masked_fill(~mask[:, None], -1), (0, missing), value=-2)
    frames = keys.topk(FRAMES_DRAWN).indices.sort().values
    backwards, shuffled, late = torch.rand(3, *shape, 1, device=mask.device)
    frames = torch.where(backwards < 0.5, frames.flip(-1), frames)
    in_order = shuffled >= shuffled_share
    middle = torch.where(late < 0.5, 0, 4).masked_fill(in_order, 2)
    first, last = torch.full_like(middle, 1), torch.full_like(middle, 3)
    triplets = frames.gather(-1, torch.cat((first, middle, last), -1))
    enough = mask.sum(1) >= FRAMES_DRAWN
    return triplets.clamp_max(length - 1), in_order.squeeze(-1), enough


def gather_triplets(z: Tensor, mask: Tensor, triplets: Tensor) -> Tensor:
    """Put the embeddings of every triplet side by side.

    Args:
        z (Tensor): Embeddings, ``(B, T, D)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        triplets (Tensor): Positions, ``(B, K, 3)``, int64.

    Returns:
        Tensor: ``(B, K, 3 * D)``, zeros in place of padding.
    """
    frames = gather_frames(z, mask, triplets.flatten(1))
    return frames.unflatten(1, triplets.shape[1:]).flatten(2)


def order_loss(logits: Tensor, in_order: Tensor, enough: Tensor) -> Tensor:
    """Compute the cross-entropy of telling order from disorder.

    Args:
        logits (Tensor): Of the classes "shuffled" and "in order",
            ``(B, K, 2)``.
        in_order (Tensor): The truth, ``(B, K)``, bool.
        enough (Tensor): Sequences that count, ``(B,)``, bool.

    Returns:
        Tensor: Mean over the triplets of each sequence, ``(B,)``, float32
        or wider; 0 for those that do not count.
    """
    with full_precision(logits) as (logits,):
        entropy = F.cross_entropy(
            logits.transpose(1, 2), in_order.long(), reduction='none'
        )
        return torch.where(enough, entropy.mean(1), 0)
