from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_one_or_more, check_range
from ..layers import build_mlp
from .alignment_loss import AlignmentLoss
from .gathering import gather_frames
from .precision import full_precision

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


@MODELS.register_module()
class SaLLoss(AlignmentLoss):
    """Order verification of Shuffle and Learn (Misra et al., ECCV 2016).

    *Shuffle and Learn: Unsupervised Learning using Temporal Order
    Verification*, I. Misra, C. L. Zitnick, M. Hebert. An MLP sees the
    embeddings of three frames of a sequence side by side and classifies
    whether they are in order (:func:`draw_triplets`)::

        L = CE(MLP([z_a; z_b; z_c]), in order)

    averaged over the triplets of a sequence. Each view is treated alone, and
    the two losses are averaged. The MLP serves only training.

    The numbers are those of TCC's reimplementation (Dwibedi et al., CVPR
    2019), which the tables of this field report: 8 triplets a sequence, 75%
    of them shuffled. Decided here, or other than in that code:

    - The paper draws frames from windows of much motion, by optical flow,
      with bounds on their distances; TCC draws from 20 frames of the video;
      here every frame of the view may be drawn.
    - A sequence of fewer than five frames contributes 0.

    It logs ``order_accuracy``, which is the share of shuffled triplets for a
    classifier that always says "shuffled".

    Args:
        embed_dims (int): Width D of the embeddings; a head sets it.
        hidden_channels (Sequence[int]): Widths of the MLP's hidden layers.
            Defaults to ``(128, 64)`` (TCC's code).
        num_triplets (int): Triplets drawn from every sequence, 1 or more.
            Defaults to 8 (TCC's code).
        shuffled_share (float): Probability that a triplet is shuffled, in
            [0, 1]. Defaults to 0.75 (TCC's code).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> view = SequenceBatch.from_sequences([torch.rand(6, 2)])
        >>> print(f'{SaLLoss(embed_dims=2)(view, view).item():.3f}')
        0.704
    """

    log_name = 'order_entropy'

    def __init__(
        self,
        embed_dims: int,
        hidden_channels: Sequence[int] = (128, 64),
        num_triplets: int = 8,
        shuffled_share: float = 0.75,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_one_or_more(num_triplets=num_triplets)
        check_range('shuffled_share', shuffled_share, 0, 1)
        self.classifier = build_mlp((3 * embed_dims, *hidden_channels, 2))
        self.num_triplets = num_triplets
        self.shuffled_share = shuffled_share

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence from its two views, ``(B,)``."""
        losses1, accuracy1 = self._verify(view1)
        losses2, accuracy2 = self._verify(view2)
        self.logged = dict(order_accuracy=(accuracy1 + accuracy2) / 2)
        return (losses1 + losses2) / 2

    def _verify(self, view: SequenceBatch) -> tuple[Tensor, Tensor]:
        """Compute the losses ``(B,)`` and the accuracy of one view."""
        triplets, in_order, enough = draw_triplets(
            view.mask, self.num_triplets, self.shuffled_share
        )
        frames = gather_frames(view, triplets.flatten(1))
        with full_precision(frames) as (frames,):
            logits = self.classifier(
                frames.unflatten(1, triplets.shape[1:]).flatten(2)
            )
            entropy = F.cross_entropy(
                logits.mT, in_order.long(), reduction='none'
            )
        losses = torch.where(enough, entropy.mean(1), 0)
        correct = (logits.argmax(-1) == in_order).float().mean(1)
        accuracy = (correct * enough).sum() / enough.sum().clamp_min(1)
        return losses, accuracy
