import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...structures import SequenceBatch
from .matching_loss import masked_mean
from .precision import full_precision


def match_frames(
    view1: SequenceBatch, view2: SequenceBatch
) -> tuple[Tensor, Tensor]:
    """Find the frames that two views of a sequence have in common.

    This is the Kronecker delta of eq. 8, ``g'(j) = g''(k)``, by binary search
    in the increasing frame indices: no ``(B, M, N)`` tensor.

    Args:
        view1 (SequenceBatch): The first view, of M frames.
        view2 (SequenceBatch): The second.

    Returns:
        tuple[Tensor, Tensor]: For every frame of the first view its partner's
        position in the second, ``(B, M)``, int64, and whether it has one,
        ``(B, M)``, bool. Where it has none the position is arbitrary, but
        valid.

    Example:
        >>> partner, matched = match_frames(
        ...     *(
        ...         SequenceBatch.from_sequences(
        ...             [torch.zeros(3, 1)], [torch.tensor(index)]
        ...         )
        ...         for index in ([0, 4, 5], [4, 5, 9])
        ...     )
        ... )
        >>> matched.tolist(), partner[matched].tolist()
        ([[False, True, True]], [0, 1])
    """
    # Padding must keep the rows sorted, and match nothing.
    beyond = torch.iinfo(view2.frame_index.dtype).max
    index2 = view2.frame_index.masked_fill(~view2.mask, beyond).contiguous()
    partner = torch.searchsorted(index2, view1.frame_index.contiguous())
    partner = partner.clamp_max(index2.shape[1] - 1)
    matched = index2.gather(1, partner) == view1.frame_index
    return partner, matched & view1.mask


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

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> ImplicitClusteringLoss()(view, view)
        tensor([1.])
    """

    def __init__(self, stop_gradient: bool = True):
        super().__init__()
        self.stop_gradient = stop_gradient

    def forward(
        self, target: SequenceBatch, prediction: SequenceBatch
    ) -> Tensor:
        """Compute the similarity of every pair of views.

        Args:
            target (SequenceBatch): Z of one view, ``(B, M, D)``.
            prediction (SequenceBatch): H(Z) of the other, ``(B, N, D)``.

        Returns:
            Tensor: C, ``(B,)``, in [-1, 1]; 0 for a pair of views with no
            frame in common.
        """
        fixed = target.values
        if self.stop_gradient:
            fixed = fixed.detach()
        with full_precision(fixed, prediction.values) as (fixed, predicted):
            partner, matched = match_frames(target, prediction)
            partner = partner[..., None].expand_as(fixed)
            cosine = F.cosine_similarity(
                *(
                    frames.masked_fill(~matched[..., None], 0)
                    for frames in (fixed, predicted.gather(1, partner))
                ),
                dim=-1,
            )
            return masked_mean(cosine, matched)
