import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero
from ..layers import softmax_attention
from .alignment_loss import AlignmentLoss
from .precision import full_precision


def predict_frame_index(
    query: Tensor,
    key: Tensor,
    key_index: Tensor,
    key_mask: Tensor,
    temperature: float = 0.1,
) -> Tensor:
    """Predict the original frame index of every query frame, eq. 2 and 3.

    ``gamma_jk = softmax_k(cos(q_j, k_k) / temperature)`` and
    ``j_hat = sum_k gamma_jk * index(k)``. This is an attention whose values
    are the indices, so a fused kernel computes it, and its gradient, without
    a ``(B, M, N)`` tensor.

    Args:
        query (Tensor): Embeddings of one view, ``(B, M, D)``, float32 or
            float64: half precision loses whole frames.
        key (Tensor): Embeddings of the other view, ``(B, N, D)``.
        key_index (Tensor): Indices of the other view's frames, ``(B, N)``, of
            the same type as the embeddings.
        key_mask (Tensor): Existing frames of the other view, ``(B, N)``,
            bool; one at least in every row.
        temperature (float): Defaults to 0.1 (Table S1).

    Returns:
        Tensor: ``(B, M)``, within the range of ``key_index``.
    """
    query = F.normalize(query, dim=-1)
    key = F.normalize(key, dim=-1)
    attended = softmax_attention(
        query.unsqueeze(1),
        key.unsqueeze(1),
        key_index[:, None, :, None],
        key_mask,
        scale=1 / temperature,
    )
    return attended[:, 0, :, 0]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over the frames that exist.

    Args:
        values (Tensor): ``(B, T)``.
        mask (Tensor): ``(B, T)``, bool.

    Returns:
        Tensor: ``(B,)``; 0 for a row without any frame.
    """
    total = torch.where(mask, values, 0).sum(1)
    return total / mask.sum(1).clamp_min(1)


@MODELS.register_module()
class MatchingLoss(AlignmentLoss):
    """Matching loss between two views of one sequence, eq. 2 to 6.

    Every frame of one view predicts its original index from the frames of
    the other, and the squared error is averaged over the frames, then over
    both directions. Frames without a partner in the other view count too:
    their index is known. Logged is ``match_frames``, the root mean square
    error in frames.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1
            (Table S1).
        normalize_index (bool): Whether indices are divided by the length of
            the original sequence, so that a long sequence does not outweigh
            a short one. False gives the squared frames of the paper.
            Defaults to True.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{MatchingLoss(temperature=1.0)(view, view).item():.3f}')
        0.030
    """

    log_name = 'match_mse'

    def __init__(
        self,
        temperature: float = 0.1,
        normalize_index: bool = True,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(temperature=temperature)
        self.temperature = temperature
        self.normalize_index = normalize_index

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute L_m of every pair of views.

        Args:
            view1 (SequenceBatch): Z', ``(B, M, D)``; one frame at least in
                every row.
            view2 (SequenceBatch): Z'', ``(B, N, D)``.

        Returns:
            Tensor: ``(B,)``, not negative; in squared shares of the length,
            or in squared frames.
        """
        with full_precision(view1.values, view2.values) as (z1, z2):
            z1 = z1.masked_fill(~view1.mask[..., None], 0)
            z2 = z2.masked_fill(~view2.mask[..., None], 0)
            index1 = view1.frame_index.to(z1.dtype)
            index2 = view2.frame_index.to(z1.dtype)
            if self.normalize_index:
                index1 = index1 / view1.num_frames[:, None]
                index2 = index2 / view1.num_frames[:, None]
            predicted1 = predict_frame_index(
                z1, z2, index2, view2.mask, self.temperature
            )
            predicted2 = predict_frame_index(
                z2, z1, index1, view1.mask, self.temperature
            )
            error1 = masked_mean((index1 - predicted1).square(), view1.mask)
            error2 = masked_mean((index2 - predicted2).square(), view2.mask)
            losses = (error1 + error2) / 2
        frames = losses.detach().sqrt()
        if self.normalize_index:
            frames = frames * view1.num_frames
        self.logged = dict(match_frames=frames)
        return losses
