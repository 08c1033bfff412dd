import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_not_negative,
    check_one_or_more,
    check_range,
)
from .alignment_loss import AlignmentLoss
from .gathering import gather_frames
from .precision import full_precision


def draw_pairs(
    view: SequenceBatch, num_pairs: int, window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw anchor frames and, for each, a positive shortly before it.

    Anchors are drawn without replacement among the frames that have another
    frame of the sequence at most ``window`` original frames before them; the
    positive is one of those, all equally likely.

    Args:
        view (SequenceBatch): Frame indices and mask, ``(B, T)``.
        num_pairs (int): Pairs of every sequence.
        window (int): Greatest distance of a positive, in original frames.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Positions of the anchors and of the
        positives, ``(B, K)``, int64, with ``K = min(num_pairs, T)``, and
        whether the pair exists, ``(B, K)``, bool. Where it does not, the
        positions are arbitrary, but valid.
    """
    mask = view.mask
    # Padding must keep the rows sorted.
    beyond = torch.iinfo(view.frame_index.dtype).max
    sorted_index = view.frame_index.masked_fill(~mask, beyond).contiguous()
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


@MODELS.register_module()
class TCNLoss(AlignmentLoss):
    """Time-contrastive loss of single-view TCN (Sermanet et al., ICRA 2018).

    *Time-Contrastive Networks: Self-Supervised Learning from Video*,
    P. Sermanet, C. Lynch, Y. Chebotar, J. Hsu, E. Jang, S. Schaal,
    S. Levine. A frame must be closer to one shortly before it than the others
    drawn from its sequence are: the n-pairs loss (:func:`n_pairs_loss`) over
    pairs of an anchor and a positive (:func:`draw_pairs`). Each view is
    treated alone, and the two losses are averaged.

    The numbers are those of TCC's reimplementation (Dwibedi et al., CVPR
    2019), which the tables of this field report and which has n-pairs in
    place of the paper's triplets; without normalization or temperature.
    Decided here, or other than in that code:

    - The window is counted in original frames, so that a view that dropped
      every second frame has positives just as close.
    - TCC takes no anchor from the first ``window`` frames; here these have
      fewer positives to choose from.
    - A sequence with fewer than two pairs contributes 0.

    It logs ``pair_accuracy``, the share of anchors whose own positive has
    the largest product.

    Args:
        num_pairs (int): Anchors drawn from every sequence, 2 or more, or as
            many as there are. Defaults to 10, as of TCC's 20 frames half are
            positives.
        window (int): Greatest distance of a positive before its anchor, in
            original frames, 1 or more. Defaults to 5 (TCC's code).
        regularization (float): Weight of the squared norms, not negative.
            Defaults to 0.002 (TCC's code, TensorFlow's default).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.ones(6, 2)])
        >>> loss = TCNLoss(num_pairs=4, regularization=0)
        >>> print(f'{loss(view, view).item():.3f}')
        1.386
    """

    log_name = 'n_pairs'

    def __init__(
        self,
        num_pairs: int = 10,
        window: int = 5,
        regularization: float = 0.002,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_range('num_pairs', num_pairs, 2)
        check_one_or_more(window=window)
        check_not_negative(regularization=regularization)
        self.num_pairs = num_pairs
        self.window = window
        self.regularization = regularization

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence from its two views, ``(B,)``."""
        losses1, accuracy1 = self._contrast(view1)
        losses2, accuracy2 = self._contrast(view2)
        self.logged = dict(pair_accuracy=(accuracy1 + accuracy2) / 2)
        return (losses1 + losses2) / 2

    def _contrast(self, view: SequenceBatch) -> tuple[Tensor, Tensor]:
        """Compute the losses ``(B,)`` and the accuracy of one view."""
        anchors, positives, exists = draw_pairs(
            view, self.num_pairs, self.window
        )
        return n_pairs_loss(
            gather_frames(view, anchors),
            gather_frames(view, positives),
            exists,
            self.regularization,
        )
