import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_choice
from .alignment_loss import AlignmentLoss
from .implicit_clustering_loss import match_frames
from .matching_loss import masked_mean, predict_frame_index
from .precision import full_precision


def euclidean_distance(a: Tensor, b: Tensor) -> Tensor:
    """Compute Euclidean distances with a gradient of 0 between equal points.

    By a matrix product: ``torch.cdist`` holds a ``(B, M, N, D)`` tensor for
    its gradient on a GPU, or has rounding errors in place of zeros.

    Args:
        a (Tensor): ``(B, M, D)``.
        b (Tensor): ``(B, N, D)``.

    Returns:
        Tensor: ``(B, M, N)``.
    """
    # The nearer to the origin, the less is lost to cancellation.
    center = b.detach().mean(1, keepdim=True)
    a, b = a - center, b - center
    norms = a.square().sum(-1)[..., None] + b.square().sum(-1)[:, None]
    square = torch.baddbmm(norms, a, b.transpose(1, 2), alpha=-2)
    # What is left of equal points has no direction.
    apart = square > 8 * torch.finfo(a.dtype).eps * norms
    return torch.where(apart, square, 1).sqrt().masked_fill(~apart, 0)


def predict_index_by_distance(
    query: Tensor,
    key: Tensor,
    key_index: Tensor,
    key_mask: Tensor,
    temperature: float,
) -> Tensor:
    """Predict the original frame index of every query frame, as CASA does.

    ``gamma_jk = softmax_k(-|q_j - k_k| / (D^1.5 * temperature))`` and
    ``j_hat = sum_k gamma_jk * index(k)``: both embeddings are divided by
    ``sqrt(D)``, and their distance by ``D * temperature``.

    Args:
        query (Tensor): ``(B, M, D)``, finite everywhere.
        key (Tensor): ``(B, N, D)``, finite everywhere.
        key_index (Tensor): Indices of the keys, ``(B, N)``, of the same type
            as the embeddings.
        key_mask (Tensor): Keys that exist, ``(B, N)``, bool; one at least in
            every row.
        temperature (float): Above 0.

    Returns:
        Tensor: ``(B, M)``, within the range of ``key_index``.
    """
    width = query.shape[-1]
    logits = euclidean_distance(query, key) / (-(width**1.5) * temperature)
    logits = logits.masked_fill(~key_mask[:, None], -torch.inf)
    return (logits.softmax(-1) @ key_index[..., None]).squeeze(-1)


SIMILARITIES = dict(
    distance=predict_index_by_distance, cosine=predict_frame_index
)


@MODELS.register_module()
class CASALoss(AlignmentLoss):
    """CASA: context-aware sequence alignment (Kwon et al., CVPR 2022).

    The first batch holds the sequences as they are and the second an
    augmented view of each (``DualAugmentation(dual=False)``). Every augmented
    frame j predicts its original index g(j) from the frames of the sequence,
    ``j_hat = sum_i gamma_ji * i``, and the loss is ``mean_j (g(j) -
    j_hat)^2`` over the augmented frames whose original frame is there. It
    goes in this direction only. Logged is ``match_frames``, the root mean
    square error in frames.

    ``similarity='distance'`` is what CASA's configs for Penn Action and H2O
    do, ``gamma_ji = softmax_i(-|z_j - z_i| / (D^1.5 * temperature))``, on a
    ``(B, N, M)`` tensor; ``'cosine'`` is that for IKEA ASM,
    ``softmax_i(cos(z_j, z_i) / temperature)``, by a fused kernel.

    What had to be decided, or differs from the published code:

    - Padding is masked. There no mask is passed on, so that the softmax, and
      the attention before it, run over zero-padded frames too.
    - The error is averaged over the frames of a sequence, then over the
      batch; there over the frames of all.
    - Should the first view lack frames, then only those augmented ones count
      whose original frame it has.
    - The code's cross layers are sequential: the second view attends to the
      updated first one. The encoder's are symmetric.
    - The code has losses of class cross-entropy and of variance beside this
      one, which no config uses.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1 (code).
        similarity (str): ``'distance'`` or ``'cosine'``. Defaults to
            ``'distance'``.
        normalize_index (bool): Whether the error is divided by the length of
            the sequence. Defaults to False: squared frames, as in the code.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range, or ``similarity`` is
            unknown.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{CASALoss()(view, view).item():.3f}')
        0.020
    """

    log_name = 'casa_mse'

    def __init__(
        self,
        temperature: float = 0.1,
        similarity: str = 'distance',
        normalize_index: bool = False,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(temperature=temperature)
        check_choice('similarity', similarity, tuple(SIMILARITIES))
        self.temperature = temperature
        self.similarity = similarity
        self.normalize_index = normalize_index

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence and its augmented view.

        Args:
            view1 (SequenceBatch): Embeddings of the sequences as they are,
                ``(B, M, D)``; one frame at least in every row.
            view2 (SequenceBatch): Of the augmented views, ``(B, N, D)``.

        Returns:
            Tensor: ``(B,)``, in squared frames, or shares of the length; 0
            where no frame is in both.
        """
        with full_precision(view1.values, view2.values) as (z1, z2):
            predicted = SIMILARITIES[self.similarity](
                z2.masked_fill(~view2.mask[..., None], 0),
                z1.masked_fill(~view1.mask[..., None], 0),
                view1.frame_index.to(z1.dtype),
                view1.mask,
                self.temperature,
            )
            _, matched = match_frames(view2, view1)
            error = (view2.frame_index - predicted).square()
            losses = masked_mean(error, matched)
        self.logged = dict(match_frames=losses.detach().sqrt())
        if self.normalize_index:
            losses = losses / view1.num_frames.square()
        return losses
