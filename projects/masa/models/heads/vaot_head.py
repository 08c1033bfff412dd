from collections.abc import Sequence

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
)
from ..layers import frame_directions
from ..losses.matching_loss import masked_mean
from ..losses.optimal_transport import (
    add_virtual_frame,
    fused_gromov_plan,
    mass_error,
    uniform_log_mass,
)
from ..losses.precision import full_precision
from ..losses.vaot_structure import near_frames, vaot_structures
from .alignment_head import AlignmentHead


@MODELS.register_module()
class VAOTHead(AlignmentHead):
    """Fused Gromov-Wasserstein alignment: VAOT.

    *Joint Self-Supervised Video Alignment and Action Segmentation*, A. S.
    Ali, S. A. Mahmood, M. Saeed, A. Konin, M. Z. Zia, Q.-H. Tran, ICCV 2025.
    Row i of the two batches are sequences of one activity
    (``partner='activity'``), X of M and Y of N frames, normalised. The
    matching of a frame, ``P_ij = softmax_j(x_i y_j / temperature)``, is
    taught the plan ``T`` that the current embeddings suggest:

    - Cost ``C_ij = 1 - x_i y_j + time_weight |t_i - t_j|``, with one virtual
      frame in each sequence, at the constant cost ``virtual_cost``, that
      takes what has no match.
    - T minimises ``(1 - alpha) <C, T> + alpha / 2 sum A_ik B_jl T_ij T_kl -
      eps H(T)`` over the plans of uniform masses
      (:func:`~masa.models.losses.optimal_transport.fused_gromov_plan`). A
      and B (:func:`~masa.models.losses.vaot_structure.vaot_structures`) make
      frames of X within ``radius`` of each other go to frames of Y within
      ``radius`` of each other, in any order.
    - ``L = -mean_i sum_j (M + 1) T_ij log P_ij`` over the frames that are
      not virtual. No gradient flows through T.

    Decided here, or other than in the published code:

    - Structures are multiplied, not subtracted, as in the paper. The weight
      of their term, whose gradient is ``alpha A T B``, is the code's; with
      ``alpha`` for ``alpha / 2`` in the objective the gradient would be
      twice that.
    - Times are the original indices over the original lengths; the code
      takes positions among the frames that it sampled.
    - Frames that follow each other are near each other in any case. The code
      takes ``int(radius * (1 + M))`` frames, and with its 20 frames and its
      0.02 that is none, so that its structure term is 0.
    - The virtual frame is near no frame. In the code it comes right before
      the first one, for which it also is a neighbour.
    - The code restarts Sinkhorn in every step of mirror descent, for one
      iteration, and its rows then miss their mass by more than a tenth in
      all. Here the iterations go on from the step before: the same number
      of them, some hundredths. Rows have their mass exactly, and what
      columns miss is logged as ``mass_error``.
    - The full step of mirror descent is the code's; on sequences of unequal
      length it may go to and fro between two plans. ``step_size=0.5`` did
      not in any trial.
    - Log P is exact; the code adds 1e-11 to P.
    - Only X learns from Y; either sequence of a pair can be drawn as X.

    Args:
        temperature (float): Of P, above 0. Defaults to 0.1.
        time_weight (float): Of the temporal prior in C, 0 or more. Defaults
            to 0.35.
        virtual_cost (float): Of a match with a virtual frame. Defaults to
            0.5.
        alpha (float): Weight of the structure, in [0, 1]. Defaults to 0.3.
        radius (float): In shares of the length, above 0. Defaults to 0.02.
        eps (float): Weight of the entropy, above 0. Defaults to 0.07.
        num_iterations (int): Steps of mirror descent, 1 or more. Defaults to
            25.
        sinkhorn_iterations (int): In each step, 1 or more. Defaults to 1.
        step_size (float): Of mirror descent, in (0, 1]. Defaults to 1.
        init_cfg (dict, optional): How to initialise. Defaults to None.

    All defaults are the published code's.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        time_weight: float = 0.35,
        virtual_cost: float = 0.5,
        alpha: float = 0.3,
        radius: float = 0.02,
        eps: float = 0.07,
        num_iterations: int = 25,
        sinkhorn_iterations: int = 1,
        step_size: float = 1.0,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_above_zero(temperature=temperature)
        check_not_negative(time_weight=time_weight, virtual_cost=virtual_cost)
        if not 0 <= alpha <= 1:
            raise ValueError(
                f'alpha is expected to be in [0, 1], but got {alpha}'
            )
        check_above_zero(radius=radius, eps=eps)
        check_one_or_more(
            num_iterations=num_iterations,
            sinkhorn_iterations=sinkhorn_iterations,
        )
        if not 0 < step_size <= 1:
            raise ValueError(
                f'step_size is expected to be in (0, 1], but got {step_size}'
            )
        self.temperature = temperature
        self.time_weight = time_weight
        self.virtual_cost = virtual_cost
        self.radius = radius
        self.solver = dict(
            alpha=alpha,
            eps=eps,
            num_iterations=num_iterations,
            sinkhorn_iterations=sinkhorn_iterations,
            step_size=step_size,
        )

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair of sequences.

        Args:
            z1 (Tensor): Embeddings of X, ``(B, M, D)``.
            z2 (Tensor): Of Y, ``(B, N, D)``.
            view1 (SequenceBatch): X.
            view2 (SequenceBatch): Y.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged
            are ``plan_divergence``, the part of the loss that P can take
            away, and ``mass_error`` of T.
        """
        mask1, mask2 = view1.mask, view2.mask
        with full_precision(z1, z2) as (z1, z2):
            z1 = frame_directions(z1, mask1)
            z2 = frame_directions(z2, mask2)
            cosine = z1 @ z2.mT
            share, error = self._plan(cosine.detach(), view1, view2)
            logits = cosine / self.temperature
            log_match = logits.masked_fill(
                ~mask2[:, None], -torch.inf
            ).log_softmax(2)
            # 0 times minus infinity in the padding.
            log_match = log_match.masked_fill(~mask2[:, None], 0)
            losses = masked_mean(-(share * log_match).sum(2), mask1)
            floor = masked_mean(-share.xlogy(share).sum(2), mask1)
        return losses, dict(plan_divergence=losses - floor, mass_error=error)

    @torch.no_grad()
    def _plan(
        self, cosine: Tensor, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, Tensor]:
        time1, time2 = (
            view.relative_time(cosine.dtype) for view in (view1, view2)
        )
        cost = (
            1
            - cosine
            + self.time_weight * (time1[:, :, None] - time2[:, None]).abs()
        )
        structures = vaot_structures(
            *(
                near_frames(
                    view.frame_index, view.mask, view.num_frames, self.radius
                )
                for view in (view1, view2)
            ),
            self.radius,
            cosine.dtype,
        )
        mass1, mass2 = (
            uniform_log_mass(view.mask, cosine.dtype, virtual=True)
            for view in (view1, view2)
        )
        plan = fused_gromov_plan(
            add_virtual_frame(cost, self.virtual_cost),
            *structures,
            mass1,
            mass2,
            **self.solver,
        )
        error = mass_error(plan, mass1, mass2)
        return plan[:, 1:, 1:] * (1 + view1.lengths)[:, None, None], error
