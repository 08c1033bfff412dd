import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from .matching_loss import masked_mean
from .precision import full_precision


def match_frames(
    index1: Tensor, index2: Tensor, mask1: Tensor, mask2: Tensor
) -> tuple[Tensor, Tensor]:
    """Find the frames that two views of a sequence have in common.

    This is the Kronecker delta of eq. 8, ``g'(j) = g''(k)``, by binary search
    in the increasing index maps: no ``(B, M, N)`` tensor.

    Args:
        index1 (Tensor): g', ``(B, M)``, strictly increasing over the frames
            that exist.
        index2 (Tensor): g'', ``(B, N)``, likewise.
        mask1 (Tensor): Existing frames of the first view, ``(B, M)``, bool.
        mask2 (Tensor): Of the second view, ``(B, N)``, bool.

    Returns:
        tuple[Tensor, Tensor]: For every frame of the first view its partner's
        position in the second, ``(B, M)``, int64, and whether it has one,
        ``(B, M)``, bool. Where it has none the position is arbitrary, but
        valid.
    """
    # Padding must keep the rows sorted, and match nothing.
    beyond = torch.iinfo(index2.dtype).max
    sorted2 = index2.masked_fill(~mask2, beyond).contiguous()
    partner = torch.searchsorted(sorted2, index1.contiguous())
    partner = partner.clamp_max(sorted2.shape[1] - 1)
    matched = (sorted2.gather(1, partner) == index1) & mask1
    return partner, matched


@MODELS.register_module()
class ImplicitClusteringLoss(nn.Module):
    """Matched cosine similarity of the clip-level clustering, eq. 7 and 8.

    ``C(V, W)`` is the mean of ``cos(V_j, W_k)`` over the pairs of frames that
    both views kept. The paper prints a sum and states the range [-1, 1],
    which the mean has. :class:`MASAHead` takes it in both directions and
    puts it in the total loss.

    Args:
        stop_gradient (bool): Whether no gradient flows into the target, which
            is what keeps SimSiam from collapse. Defaults to True.
    """

    def __init__(self, stop_gradient: bool = True):
        super().__init__()
        self.stop_gradient = stop_gradient

    def forward(
        self,
        target: Tensor,
        prediction: Tensor,
        index_t: Tensor,
        index_p: Tensor,
        mask_t: Tensor,
        mask_p: Tensor,
    ) -> Tensor:
        """Compute the similarity of every pair of views.

        Args:
            target (Tensor): Z of one view, ``(B, M, D)``.
            prediction (Tensor): H(Z) of the other, ``(B, N, D)``.
            index_t (Tensor): Original indices of the target's frames,
                ``(B, M)``, int64.
            index_p (Tensor): Of the prediction's frames, ``(B, N)``, int64.
            mask_t (Tensor): Existing frames of the target, ``(B, M)``, bool.
            mask_p (Tensor): Of the prediction, ``(B, N)``, bool.

        Returns:
            Tensor: C, ``(B,)``, in [-1, 1]; 0 for a pair of views with no
            frame in common.
        """
        if self.stop_gradient:
            target = target.detach()
        with full_precision(target, prediction) as (target, prediction):
            partner, matched = match_frames(index_t, index_p, mask_t, mask_p)
            partner = partner.unsqueeze(-1).expand(
                -1, -1, prediction.shape[-1]
            )
            cosine = F.cosine_similarity(
                target, prediction.gather(1, partner), dim=-1
            )
            return masked_mean(cosine, matched)
