from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_not_negative
from ..losses.cycle_consistency import (
    SIMILARITIES,
    cycle_back,
    cycle_classification,
    gaussian_regression,
    returned_time,
)
from ..losses.matching_loss import masked_mean
from ..losses.precision import full_precision
from .alignment_head import AlignmentHead

LOSS_TYPES = (
    'regression_mse_var',
    'regression_mse',
    'regression_huber',
    'classification',
)


@MODELS.register_module()
class TCCHead(AlignmentHead):
    r"""Temporal cycle-consistency (Dwibedi et al., CVPR 2019).

    A frame ``u_i`` of one sequence goes to its soft nearest neighbour in
    another of the same activity and returns to where that is similar:

    .. code-block:: none

        v~ = sum_j alpha_j v_j,  alpha = softmax_j(s(u_i, v_j))
        beta = softmax_k(s(v~, u_k)),  s(a, b) = -|a - b|^2 / (D temperature)
        mu = sum_k beta_k t_k,  sigma^2 = sum_k beta_k (t_k - mu)^2

    ``'regression_mse_var'`` is ``(t_i - mu)^2 / sigma^2 + variance_lambda *
    log(sigma^2)``, ``'regression_mse'`` and ``'regression_huber'`` are of
    ``t_i - mu`` alone, and ``'classification'`` is the cross-entropy of beta
    with i. Each is averaged over the frames of a sequence, then over both
    directions of the pair.

    What is different here, or had to be decided:

    - TCC samples 20 frames of every video; here all frames of both views
      take part, so that beta has as many bins as the sequence has frames.
    - Pairs are those that the data set draws (``partner='activity'``); TCC
      takes all ordered pairs of a batch of 2 or 4 videos of one activity.
    - Times are ``frame_index / num_frames``, as in TCC's code.
    - ``sigma^2`` is not taken below that of a time known to within one
      frame, ``1 / (12 num_frames^2)``. The published code has no bound: a
      frame that returns to the wrong place with certainty, or a sequence of
      one frame, makes its loss infinite.
    - The published ``'cosine'`` is a dot product divided by D, which is
      ``'dot'`` here. ``'cosine'`` normalises and does not divide by D:
      otherwise the softmax would be all but uniform.
    - Label smoothing is of the classification alone.
    - TCC's embedder sees frames and not their positions. An encoder with a
      position code can satisfy cycles by counting, and TCC's authors warn of
      that: compare with the clock.

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
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        loss_type: str = 'regression_mse_var',
        similarity: str = 'l2',
        temperature: float = 0.1,
        variance_lambda: float = 1e-3,
        huber_delta: float = 0.1,
        label_smoothing: float = 0.1,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        if loss_type not in LOSS_TYPES:
            raise ValueError(
                f'loss_type is expected to be one of {LOSS_TYPES}, '
                f'but got {loss_type!r}'
            )
        if similarity not in SIMILARITIES:
            raise ValueError(
                f'similarity is expected to be one of {SIMILARITIES}, '
                f'but got {similarity!r}'
            )
        check_above_zero(temperature=temperature)
        check_not_negative(variance_lambda=variance_lambda)
        check_above_zero(huber_delta=huber_delta)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                'label_smoothing is expected to be in [0, 1), '
                f'but got {label_smoothing}'
            )
        self.loss_type = loss_type
        self.similarity = similarity
        self.temperature = temperature
        self.variance_lambda = variance_lambda
        self.huber_delta = huber_delta
        self.label_smoothing = label_smoothing

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair.

        Args:
            z1 (Tensor): Embeddings of the sequences, ``(B, M, D)``.
            z2 (Tensor): Of their partners, ``(B, N, D)``.
            view1 (SequenceBatch): The sequences.
            view2 (SequenceBatch): The partners.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged is
            ``cycle_frames``, how far from itself a frame returns, root mean
            square in frames, or, of the classification, ``cycle_accuracy``,
            the share of frames that return to themselves.
        """
        with full_precision(z1, z2) as (z1, z2):
            z1 = z1.masked_fill(~view1.mask.unsqueeze(-1), 0)
            z2 = z2.masked_fill(~view2.mask.unsqueeze(-1), 0)
            forth, logged1 = self._cycle(z1, z2, view1, view2)
            back, logged2 = self._cycle(z2, z1, view2, view1)
        logged = {k: (v + logged2[k]) / 2 for k, v in logged1.items()}
        return (forth + back) / 2, logged

    def _cycle(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logits = cycle_back(
            z1,
            z2,
            view1.mask,
            view2.mask,
            self.similarity,
            self.temperature,
        )
        if self.loss_type == 'classification':
            itself = torch.arange(logits.shape[1], device=logits.device)
            hit = (logits.detach().argmax(-1) == itself).to(logits.dtype)
            losses = cycle_classification(
                logits, view1.mask, self.label_smoothing
            )
            return losses, dict(cycle_accuracy=masked_mean(hit, view1.mask))
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
        return masked_mean(losses, view1.mask), dict(
            cycle_frames=masked_mean(frames, view1.mask).sqrt()
        )
