import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import frame_directions
from .precision import full_precision


def sequence_contrast(
    z1: Tensor,
    z2: Tensor,
    index1: Tensor,
    index2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    temperature: float = 0.1,
    variance: float = 10.0,
) -> Tensor:
    """Compare where frames look alike with when they were taken.

    With ``s`` the place of a frame in the original sequence, frame i of one
    view should resemble frame j of the other as ``N(s_i - s_j; 0, variance)``
    says::

        label_ij = softmax_j(-(s_i - s_j)^2 / (2 * variance))
        p_ij     = softmax_j(cos(z_i, z_j) / temperature)
        L        = mean_i KL(label_i || p_i)

    over the frames i of both views together, each against those of the other.

    Args:
        z1 (Tensor): Embeddings of the first view, ``(B, M, D)``.
        z2 (Tensor): Of the second, ``(B, N, D)``.
        index1 (Tensor): Original frame indices of the first view,
            ``(B, M)``, int64.
        index2 (Tensor): Of the second, ``(B, N)``.
        mask1 (Tensor): Existing frames of the first view, ``(B, M)``, bool;
            one at least in every row.
        mask2 (Tensor): Of the second, ``(B, N)``.
        temperature (float): Above 0. Defaults to 0.1.
        variance (float): In squared frames, above 0. Defaults to 10.

    Returns:
        Tensor: L of each pair of views, ``(B,)``, not negative, 0 where the
        two distributions agree.
    """
    with full_precision(z1, z2) as (z1, z2):
        z1 = frame_directions(z1, mask1)
        z2 = frame_directions(z2, mask2)
        logits = z1 @ z2.mT / temperature
        return time_divergence(
            logits, logits.mT, index1, index2, mask1, mask2, variance
        )


def time_divergence(
    logits1: Tensor,
    logits2: Tensor,
    index1: Tensor,
    index2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
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
        index1 (Tensor): Original frame indices of the first view,
            ``(B, M)``, int64.
        index2 (Tensor): Of the second, ``(B, N)``.
        mask1 (Tensor): Existing frames of the first view, ``(B, M)``, bool;
            one at least in every row.
        mask2 (Tensor): Of the second, ``(B, N)``.
        variance (float): In squared frames, above 0.

    Returns:
        Tensor: Mean KL divergence of each pair of views, ``(B,)``, not
        negative.
    """
    distance = index1[:, :, None] - index2[:, None]
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
