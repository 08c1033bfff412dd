import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import check_above_zero
from ..layers import softmax_attention
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
class MatchingLoss(nn.Module):
    """Matching loss between two views of one sequence, eq. 2 to 6.

    Every frame of one view predicts its original index from the frames of
    the other, and the squared error is averaged over the frames, then over
    both directions. Frames without a partner in the other view count too:
    their index is known.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1
            (Table S1).
        normalize_index (bool): Whether indices are divided by the length of
            the original sequence, so that a long sequence does not outweigh
            a short one. False gives the squared frames of the paper.
            Defaults to True.

    Raises:
        ValueError: If ``temperature`` is not above 0.
    """

    def __init__(self, temperature: float = 0.1, normalize_index: bool = True):
        super().__init__()
        check_above_zero(temperature=temperature)
        self.temperature = temperature
        self.normalize_index = normalize_index

    def forward(
        self,
        z1: Tensor,
        z2: Tensor,
        index1: Tensor,
        index2: Tensor,
        mask1: Tensor,
        mask2: Tensor,
        num_frames: Tensor,
    ) -> Tensor:
        """Compute the loss of every pair of views.

        Args:
            z1 (Tensor): Z', ``(B, M, D)``.
            z2 (Tensor): Z'', ``(B, N, D)``.
            index1 (Tensor): g', ``(B, M)``, indices of original frames.
            index2 (Tensor): g'', ``(B, N)``.
            mask1 (Tensor): Existing frames of the first view, ``(B, M)``,
                bool; one at least in every row.
            mask2 (Tensor): Of the second view, ``(B, N)``.
            num_frames (Tensor): Lengths of the original sequences, ``(B,)``.

        Returns:
            Tensor: L_m of each pair, ``(B,)``, not negative; in squared
            shares of the length, or in squared frames.
        """
        with full_precision(z1, z2) as (z1, z2):
            index1, index2 = index1.to(z1.dtype), index2.to(z1.dtype)
            if self.normalize_index:
                index1 = index1 / num_frames[:, None]
                index2 = index2 / num_frames[:, None]
            predicted1 = predict_frame_index(
                z1, z2, index2, mask2, self.temperature
            )
            predicted2 = predict_frame_index(
                z2, z1, index1, mask1, self.temperature
            )
            error1 = masked_mean((index1 - predicted1).square(), mask1)
            error2 = masked_mean((index2 - predicted2).square(), mask2)
            return (error1 + error2) / 2

    def frame_error(self, loss: Tensor, num_frames: Tensor) -> Tensor:
        """Express the loss in frames.

        Args:
            loss (Tensor): What :meth:`forward` returned, ``(B,)``.
            num_frames (Tensor): Lengths of the original sequences, ``(B,)``.

        Returns:
            Tensor: Root mean square error of each pair in frames, ``(B,)``.
        """
        error = loss.sqrt()
        return error * num_frames if self.normalize_index else error
