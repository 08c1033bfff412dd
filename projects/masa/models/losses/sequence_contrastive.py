import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero
from ..layers import frame_directions
from .alignment_loss import AlignmentLoss
from .precision import full_precision


def sequence_contrast(
    view1: SequenceBatch,
    view2: SequenceBatch,
    temperature: float = 0.1,
    variance: float = 10.0,
) -> Tensor:
    """Compare where frames look alike with when they were taken.

    With ``s`` the position of a frame in the original sequence, frame i of
    one view should resemble frame j of the other as
    ``N(s_i - s_j; 0, variance)`` says::

        label_ij = softmax_j(-(s_i - s_j)^2 / (2 * variance))
        p_ij     = softmax_j(cos(z_i, z_j) / temperature)
        L        = mean_i KL(label_i || p_i)

    over the frames i of both views together, each against those of the other.

    Args:
        view1 (SequenceBatch): Embeddings of the first view, ``(B, M, D)``;
            one frame at least in every row.
        view2 (SequenceBatch): Of the second, ``(B, N, D)``.
        temperature (float): Above 0. Defaults to 0.1.
        variance (float): In squared frames, above 0. Defaults to 10.

    Returns:
        Tensor: L of each pair of views, ``(B,)``, not negative, 0 where the
        two distributions agree.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> loss = sequence_contrast(view, view, temperature=1.0)
        >>> print(f'{loss.item():.3f}')
        0.100
    """
    with full_precision(view1.values, view2.values) as (z1, z2):
        z1 = frame_directions(z1, view1.mask)
        z2 = frame_directions(z2, view2.mask)
        logits = z1 @ z2.mT / temperature
        return time_divergence(logits, logits.mT, view1, view2, variance)


def time_divergence(
    logits1: Tensor,
    logits2: Tensor,
    view1: SequenceBatch,
    view2: SequenceBatch,
    variance: float,
) -> Tensor:
    """Compare predictions of the time of frames with Gaussian labels.

    The label and the average are those of :func:`sequence_contrast`; what
    the prediction is made from is left open.

    Args:
        logits1 (Tensor): By which frames of the first view point at frames
            of the second, ``(B, M, N)``, finite, float32 or float64.
        logits2 (Tensor): By which frames of the second view point at frames
            of the first, ``(B, N, M)``.
        view1 (SequenceBatch): Frame indices and mask of the first view.
        view2 (SequenceBatch): Of the second.
        variance (float): In squared frames, above 0.

    Returns:
        Tensor: Mean KL divergence of each pair of views, ``(B,)``, not
        negative.
    """
    mask1, mask2 = view1.mask, view2.mask
    distance = view1.frame_index[:, :, None] - view2.frame_index[:, None]
    closeness = distance.to(logits1.dtype).square() / (-2 * variance)
    first = _divergence(closeness, logits1, mask2)
    second = _divergence(closeness.mT, logits2, mask1)
    total = torch.where(mask1, first, 0).sum(1)
    total = total + torch.where(mask2, second, 0).sum(1)
    return total / (mask1.sum(1) + mask2.sum(1))


def _divergence(closeness: Tensor, logits: Tensor, mask: Tensor) -> Tensor:
    """KL divergence of two softmaxes over the keys.

    Args:
        closeness (Tensor): Logits of the label, ``(B, Q, K)``.
        logits (Tensor): Logits of the prediction, ``(B, Q, K)``.
        mask (Tensor): Existing keys, ``(B, K)``, bool.

    Returns:
        Tensor: ``(B, Q)``.
    """
    mask = mask[:, None]
    label, predicted = (
        x.masked_fill(~mask, -torch.inf).log_softmax(-1)
        for x in (closeness, logits)
    )
    terms = F.kl_div(predicted, label, reduction='none', log_target=True)
    return torch.where(mask, terms, 0).sum(-1)


@MODELS.register_module()
class SequenceContrastiveLoss(AlignmentLoss):
    """Sequence contrastive loss of CARL (Chen et al., CVPR 2022).

    *Frame-wise Action Representations for Long Videos via Sequence
    Contrastive Learning*, M. Chen, F. Wei, C. Li, D. Cai. The two views are
    augmentations of one sequence; see :func:`sequence_contrast`.

    Decided here, or other than in the published code:

    - Time is the index of the original frame, as there. The code rescales
      one view's time by the ratio of the two lengths, which is 1 for views
      of one sequence; so will the views be expected here.
    - The divergence is exact. The code adds 1e-6 to every probability.
    - Negatives are the frames of the other view, its default
      (``single_noself``).
    - The projection is a neck of two layers, Linear, BatchNorm, ReLU,
      Linear, of the embedding's width. :class:`ProjectionNeck` normalizes
      after the last layer, too; configs/_base_/methods/carl.py takes it with
      ``num_layers=2``.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1 (the
            code's).
        variance (float): Of the Gaussian of distances in time, in squared
            frames, above 0. Defaults to 10 (the code's).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{SequenceContrastiveLoss()(view, view).item():.3f}')
        5.349
    """

    log_name = 'moment_kl'

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 10.0,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(temperature=temperature, variance=variance)
        self.temperature = temperature
        self.variance = variance

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute :func:`sequence_contrast`, ``(B,)``."""
        return sequence_contrast(view1, view2, self.temperature, self.variance)
