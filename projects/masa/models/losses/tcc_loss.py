import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_choice,
    check_not_negative,
    check_range,
)
from .alignment_loss import AlignmentLoss
from .cycle_consistency import (
    SIMILARITIES,
    similarity_logits,
    soft_nearest_neighbor,
)
from .matching_loss import masked_mean
from .precision import full_precision

LOSS_TYPES = (
    'regression_mse_var',
    'regression_mse',
    'regression_huber',
    'classification',
)


def cycle_back(
    view1: SequenceBatch,
    view2: SequenceBatch,
    similarity: str = 'l2',
    temperature: float = 0.1,
) -> Tensor:
    """Cycle every frame through the other sequence and back.

    Args:
        view1 (SequenceBatch): Embeddings of the sequence to start from,
            ``(B, M, D)``, finite in the padding; one frame at least in every
            row.
        view2 (SequenceBatch): Of the other, ``(B, N, D)``, likewise.
        similarity (str): See :func:`similarity_logits`.
        temperature (float): Likewise.

    Returns:
        Tensor: Logits over the frames to return to, ``(B, M, M)``: row i is
        of the soft nearest neighbor of frame i.
    """
    neighbor = soft_nearest_neighbor(
        view1.values, view2.values, view2.mask, similarity, temperature
    )
    return similarity_logits(
        neighbor, view1.values, view1.mask, similarity, temperature
    )


def returned_time(logits: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and variance of the time that every frame returns to.

    Args:
        logits (Tensor): Of :func:`cycle_back`, ``(B, M, M)``.
        time (Tensor): Times of the frames, ``(B, M)``, finite in the
            padding, too.

    Returns:
        tuple[Tensor, Tensor]: ``mu`` and ``sigma^2``, ``(B, M)`` each.
    """
    weight = logits.softmax(-1)
    mean = weight @ time.unsqueeze(-1)
    # E[t^2] - E[t]^2 would lose a sharp peak's variance to rounding.
    squares = (time.unsqueeze(1) - mean).square()
    return mean.squeeze(-1), (weight * squares).sum(-1)


def gaussian_regression(
    error: Tensor, variance: Tensor, variance_lambda: float = 1e-3
) -> Tensor:
    """Compute the cycle-back regression loss with predicted variances.

    Args:
        error (Tensor): Differences of time, any shape.
        variance (Tensor): Their variances, above 0, of the same shape.
        variance_lambda (float): Weight of the penalty. Defaults to 1e-3.

    Returns:
        Tensor: ``error^2 / variance + variance_lambda * log(variance)``.
        The paper prints the logarithm of sigma, its code has this one.
    """
    return error.square() / variance + variance_lambda * variance.log()


def cycle_classification(
    logits: Tensor, mask: Tensor, label_smoothing: float = 0.1
) -> Tensor:
    """Compute the cycle-back classification loss.

    Args:
        logits (Tensor): Of :func:`cycle_back`, ``(B, M, M)``.
        mask (Tensor): Existing frames, ``(B, M)``, bool.
        label_smoothing (float): Share of the label that goes to all existing
            frames in equal parts, in [0, 1). Defaults to 0.1.

    Returns:
        Tensor: Cross-entropy between where a frame returns to and itself, in
        nats, averaged over the frames, ``(B,)``.
    """
    log_weight = logits.log_softmax(-1)
    itself = log_weight.diagonal(dim1=1, dim2=2)
    everywhere = masked_mean(
        log_weight.flatten(0, 1),
        mask.unsqueeze(1).expand_as(log_weight).flatten(0, 1),
    ).view_as(itself)
    return -masked_mean(torch.lerp(itself, everywhere, label_smoothing), mask)


@MODELS.register_module()
class CycleConsistencyLoss(AlignmentLoss):
    r"""Temporal cycle-consistency loss of TCC (Dwibedi et al., CVPR 2019).

    *Temporal Cycle-Consistency Learning*, D. Dwibedi, Y. Aytar, J. Tompson,
    P. Sermanet, A. Zisserman. A frame ``u_i`` of one sequence goes to its
    soft nearest neighbor in another of the same activity and returns to
    where that is similar::

        v~ = sum_j alpha_j v_j,  alpha = softmax_j(s(u_i, v_j))
        beta = softmax_k(s(v~, u_k)),  s(a, b) = -|a - b|^2 / (D temperature)
        mu = sum_k beta_k t_k,  sigma^2 = sum_k beta_k (t_k - mu)^2

    ``'regression_mse_var'`` is ``(t_i - mu)^2 / sigma^2 + variance_lambda *
    log(sigma^2)``, ``'regression_mse'`` and ``'regression_huber'`` are of
    ``t_i - mu`` alone, and ``'classification'`` is the cross-entropy of beta
    with i. Each is averaged over the frames of a sequence, then over both
    directions of the pair.

    Decided here, or other than in the published code:

    - TCC samples 20 frames of every video; here all frames of both views
      take part, so that beta has as many bins as the sequence has frames.
    - Pairs are those that the dataset draws (``partner='activity'``); TCC
      takes all ordered pairs of a batch of 2 or 4 videos of one activity.
    - Times are ``frame_index / num_frames``, as in TCC's code.
    - ``sigma^2`` is not taken below that of a time known to within one
      frame, ``1 / (12 num_frames^2)``. The published code has no bound: a
      frame that returns to the wrong place with certainty, or a sequence of
      one frame, makes its loss infinite.
    - The published ``'cosine'`` is a dot product divided by D, which is
      ``'dot'`` here. ``'cosine'`` normalizes and does not divide by D:
      otherwise the softmax would be all but uniform.
    - Label smoothing is of the classification alone.
    - TCC's embedder sees frames and not their positions. An encoder with a
      positional encoding can satisfy cycles by counting, and TCC's authors
      warn of that: compare with the time-only baseline.

    It logs ``cycle_frames``, how far from itself a frame returns, root mean
    square in frames, or, of the classification, ``cycle_accuracy``, the
    share of frames that return to themselves.

    Args:
        loss_type (str): One of ``LOSS_TYPES``. Defaults to
            ``'regression_mse_var'`` (TCC's code; the paper's best).
        similarity (str): ``'l2'``, ``'dot'`` or ``'cosine'``. Defaults to
            ``'l2'``.
        temperature (float): Above 0. Defaults to 0.1 (TCC's code).
        variance_lambda (float): Weight of ``log(sigma^2)``, not negative.
            Defaults to 1e-3 (TCC's code and paper).
        huber_delta (float): Where the Huber loss turns linear, in shares of
            the length, above 0. Defaults to 0.1 (TCC's code).
        label_smoothing (float): In [0, 1). Defaults to 0.1 (TCC's code).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> loss = CycleConsistencyLoss('classification', label_smoothing=0)
        >>> print(f'{loss(view, view).item():.3f}')
        0.003
    """

    log_name = 'cycle_consistency'

    def __init__(
        self,
        loss_type: str = 'regression_mse_var',
        similarity: str = 'l2',
        temperature: float = 0.1,
        variance_lambda: float = 1e-3,
        huber_delta: float = 0.1,
        label_smoothing: float = 0.1,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_choice('loss_type', loss_type, LOSS_TYPES)
        check_choice('similarity', similarity, SIMILARITIES)
        check_above_zero(temperature=temperature, huber_delta=huber_delta)
        check_not_negative(variance_lambda=variance_lambda)
        check_range('label_smoothing', label_smoothing, 0, 1, open_high=True)
        self.loss_type = loss_type
        self.similarity = similarity
        self.temperature = temperature
        self.variance_lambda = variance_lambda
        self.huber_delta = huber_delta
        self.label_smoothing = label_smoothing

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair, ``(B,)``."""
        with full_precision(view1.values, view2.values) as values:
            view1, view2 = (
                view._replace(values=torch.where(view.mask[..., None], z, 0))
                for view, z in zip((view1, view2), values, strict=True)
            )
            forth, logged1 = self._cycle(view1, view2)
            back, logged2 = self._cycle(view2, view1)
        self.logged = {k: (v + logged2[k]) / 2 for k, v in logged1.items()}
        return (forth + back) / 2

    def _cycle(
        self, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of one direction, and what is logged of it."""
        logits = cycle_back(view1, view2, self.similarity, self.temperature)
        mask = view1.mask
        if self.loss_type == 'classification':
            itself = torch.arange(logits.shape[1], device=logits.device)
            hit = (logits.detach().argmax(-1) == itself).to(logits.dtype)
            losses = cycle_classification(logits, mask, self.label_smoothing)
            return losses, dict(cycle_accuracy=masked_mean(hit, mask))
        num_frames = view1.num_frames.unsqueeze(1).to(logits.dtype)
        time = view1.relative_time(logits.dtype)
        mean, variance = returned_time(logits, time)
        if self.loss_type == 'regression_mse_var':
            losses = gaussian_regression(
                mean - time,
                variance.clamp_min(1 / (12 * num_frames.square())),
                self.variance_lambda,
            )
        elif self.loss_type == 'regression_mse':
            losses = (mean - time).square()
        else:
            losses = F.huber_loss(
                mean, time, reduction='none', delta=self.huber_delta
            )
        frames = ((mean - time) * num_frames).detach().square()
        return masked_mean(losses, mask), dict(
            cycle_frames=masked_mean(frames, mask).sqrt()
        )
