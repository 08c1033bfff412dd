import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
    check_range,
)
from ..layers import frame_directions
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .optimal_transport import (
    add_virtual_frame,
    fused_gromov_plan,
    mass_error,
    uniform_log_mass,
)
from .precision import full_precision


def near_frames(view: SequenceBatch, radius: float) -> Tensor:
    """Find the pairs of frames that are close in time.

    Args:
        view (SequenceBatch): Frame indices and mask, ``(B, T)``.
        radius (float): As a share of the original length.

    Returns:
        Tensor: ``(B, T, T)``, bool: different frames that are at most
        ``radius`` apart, and consecutive frames in any case.
    """
    index, mask = view.frame_index, view.mask
    # 0.53 of 100 frames are 52.999996 in single precision.
    reach = (view.num_frames * radius + 1e-3).floor()[:, None, None]
    gap = (index[:, :, None] - index[:, None]).abs()
    position = torch.arange(mask.shape[1], device=mask.device)
    step = (position[:, None] - position).abs()
    near = ((gap <= reach) & (step > 0)) | (step == 1)
    return near & mask[:, :, None] & mask[:, None]


def vaot_structures(
    view1: SequenceBatch,
    view2: SequenceBatch,
    radius: float,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Build VAOT's structure matrices.

    ``A_ik = 1 / radius`` for :func:`near_frames` of the first sequence, else
    0; ``B_jl = 0`` for :func:`near_frames` of the second, else 1. So ``sum
    A_ik B_jl T_ij T_kl`` is the price of matching frames that are near each
    other with frames that are not. A frame is not near itself: two frames
    that share their match pay, too. The virtual frame has no time and is near
    no frame.

    Args:
        view1 (SequenceBatch): Frame indices and mask of the first sequences,
            ``(B, M)``.
        view2 (SequenceBatch): Of the second, ``(B, N)``.
        radius (float): As in :func:`near_frames`, above 0.
        dtype (torch.dtype): Of the result.

    Returns:
        tuple[Tensor, Tensor]: A, ``(B, 1 + M, 1 + M)``, and B, ``(B, 1 + N,
        1 + N)``, the virtual frame first.
    """
    near1, near2 = (
        add_virtual_frame(near_frames(view, radius).to(dtype), 0.0)
        for view in (view1, view2)
    )
    return near1 / radius, 1 - near2


@MODELS.register_module()
class VAOTLoss(AlignmentLoss):
    """Fused Gromov-Wasserstein alignment: VAOT (Ali et al., ICCV 2025).

    *Joint Self-Supervised Video Alignment and Action Segmentation*, A. S.
    Ali, S. A. Mahmood, M. Saeed, A. Konin, M. Z. Zia, Q.-H. Tran. Row i of
    the two views are two sequences of one activity
    (``partner='activity'``), X of M and Y of N L2-normalized embeddings. The
    matching of a frame, ``P_ij = softmax_j(x_i y_j / temperature)``, is
    trained on a transport plan T of the current embeddings:

    - The cost is ``C_ij = 1 - x_i y_j + time_weight |t_i - t_j|``. Each
      sequence gets one virtual frame, at the constant cost
      ``virtual_cost``, for frames without a match.
    - T minimizes ``(1 - alpha) <C, T> + alpha / 2 sum A_ik B_jl T_ij T_kl -
      eps H(T)`` over the plans between uniform masses
      (:func:`fused_gromov_plan`). A and B (:func:`vaot_structures`) make
      frames of X within ``radius`` of each other go to frames of Y within
      ``radius`` of each other, in any order.
    - ``L = -mean_i sum_j (M + 1) T_ij log P_ij`` over the frames that are
      not virtual. No gradient flows through T.

    Decided here, or other than in the published code:

    - Structures are multiplied, not subtracted, as in the paper. The weight
      of their term, whose gradient is ``alpha A T B``, is the code's; with
      ``alpha`` for ``alpha / 2`` in the objective the gradient would be
      twice that.
    - Times are the original indices over the original lengths. The code
      takes positions among the frames that it sampled.
    - Consecutive frames are near each other in any case. The code takes
      ``int(radius * (1 + M))`` frames, and with its 20 frames and its 0.02
      that is none, so that its structure term is 0.
    - The virtual frame is near no frame. In the code it comes right before
      the first one, for which it also is a neighbor.
    - The code restarts Sinkhorn in every step of mirror descent, for one
      iteration, and its rows then miss their mass by more than a tenth in
      total. Here the iterations continue from the step before: with as many
      of them, the columns miss some hundredths, logged as ``mass_error``, and
      the rows have their mass exactly.
    - The full step of mirror descent is the code's. On sequences of unequal
      length it may oscillate between two plans; ``step_size=0.5`` did not in
      any trial.
    - Log P is exact. The code adds 1e-11 to P.
    - Only X learns from Y; either sequence of a pair can be drawn as X.

    All defaults are those of the published code. The loss logs
    ``plan_divergence``, the loss minus the entropy of T, which is the part
    that training P can reduce, and ``mass_error`` of T.

    Args:
        temperature (float): Of P, above 0. Defaults to 0.1.
        time_weight (float): Of the temporal prior in C, 0 or more. Defaults
            to 0.35.
        virtual_cost (float): Of a match with a virtual frame, 0 or more.
            Defaults to 0.5.
        alpha (float): Weight of the structure, in [0, 1]. Defaults to 0.3.
        radius (float): As a share of the length, above 0. Defaults to 0.02.
        eps (float): Weight of the entropy, above 0. Defaults to 0.07.
        num_iterations (int): Steps of mirror descent, 1 or more. Defaults to
            25.
        sinkhorn_iterations (int): In each step, 1 or more. Defaults to 1.
        step_size (float): Of mirror descent, in (0, 1]. Defaults to 1.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{VAOTLoss(temperature=0.5)(view, view).item():.3f}')
        0.238
    """

    log_name = 'plan_entropy'

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
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(temperature=temperature, radius=radius, eps=eps)
        check_not_negative(time_weight=time_weight, virtual_cost=virtual_cost)
        check_range('alpha', alpha, 0, 1)
        check_one_or_more(
            num_iterations=num_iterations,
            sinkhorn_iterations=sinkhorn_iterations,
        )
        check_range('step_size', step_size, 0, 1, open_low=True)
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

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair.

        Args:
            view1 (SequenceBatch): Embeddings of X, ``(B, M, D)``.
            view2 (SequenceBatch): Of Y, ``(B, N, D)``.

        Returns:
            Tensor: ``(B,)``, not negative.
        """
        mask1, mask2 = view1.mask, view2.mask
        with full_precision(view1.values, view2.values) as (z1, z2):
            z1 = frame_directions(z1, mask1)
            z2 = frame_directions(z2, mask2)
            cosine = z1 @ z2.mT
            plan, error = self.plan(cosine, view1, view2)
            share = plan[:, 1:, 1:] * (1 + view1.lengths)[:, None, None]
            logits = cosine / self.temperature
            log_match = logits.masked_fill(
                ~mask2[:, None], -torch.inf
            ).log_softmax(2)
            # 0 times minus infinity in the padding.
            log_match = log_match.masked_fill(~mask2[:, None], 0)
            losses = masked_mean(-(share * log_match).sum(2), mask1)
            floor = masked_mean(-share.xlogy(share).sum(2), mask1)
            self.logged = dict(
                plan_divergence=losses.detach() - floor, mass_error=error
            )
            return losses

    @torch.no_grad()
    def plan(
        self, cosine: Tensor, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, Tensor]:
        """Compute the transport plan that the matching is trained on.

        Args:
            cosine (Tensor): Cosine similarities of frames, ``(B, M, N)``,
                float32 or float64, finite.
            view1 (SequenceBatch): Frame indices and mask of X, ``(B, M)``.
            view2 (SequenceBatch): Of Y, ``(B, N)``.

        Returns:
            tuple[Tensor, Tensor]: T, ``(B, 1 + M, 1 + N)``, the virtual
            frames first, and its
            :func:`~masa.models.losses.optimal_transport.mass_error`,
            ``(B,)``.
        """
        dtype = cosine.dtype
        time1, time2 = (view.relative_time(dtype) for view in (view1, view2))
        gap = (time1[:, :, None] - time2[:, None]).abs()
        mass1, mass2 = (
            uniform_log_mass(view.mask, dtype, virtual=True)
            for view in (view1, view2)
        )
        plan = fused_gromov_plan(
            add_virtual_frame(
                1 - cosine + self.time_weight * gap, self.virtual_cost
            ),
            *vaot_structures(view1, view2, self.radius, dtype),
            mass1,
            mass2,
            **self.solver,
        )
        return plan, mass_error(plan, mass1, mass2)
