import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_choice,
    check_not_negative,
    check_one_or_more,
)
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .optimal_transport import (
    add_virtual_frame,
    mass_error,
    sinkhorn_log_plan,
    uniform_log_mass,
)
from .precision import full_precision


def squared_distance(view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
    """Compute the squared Euclidean distances of frames.

    Args:
        view1 (SequenceBatch): Embeddings, ``(B, M, D)``, float32 or float64.
        view2 (SequenceBatch): Embeddings, ``(B, N, D)``, of the same type.

    Returns:
        Tensor: ``(B, M, N)``, not negative except for rounding; finite in
        the padding, which gets no gradient.
    """
    x, y = (v.values.where(v.mask[..., None], 0) for v in (view1, view2))
    norms = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None]
    return torch.baddbmm(norms, x, y.mT, alpha=-2)


def consistency_share(step: Tensor) -> Tensor:
    """Weigh VAVA's consistency prior against its optimality prior.

    ``phi = 0.999 ** floor(sqrt(step + 1))``, clamped to [0.001, 0.999]:
    training begins with alignments close to the diagonal and trusts the
    embeddings more and more.

    Args:
        step (Tensor): Number of training steps so far, scalar, int64.

    Returns:
        Tensor: phi, scalar, float32.
    """
    power = (step.float() + 1).sqrt().floor()
    return (0.999**power).clamp(0.001, 0.999)


def vava_log_kernel(
    cost: Tensor,
    view1: SequenceBatch,
    view2: SequenceBatch,
    phi: Tensor,
    similarity_weight: float = 1.0,
    prior_weight: float = 0.1,
    virtual_distance: float = 7.5,
    prior_std: float = 2.0,
) -> Tensor:
    """Build VAVA's transport kernel ``K = P exp((S - D) / l2)``.

    With the time between two frames, ``c_ij = |t_i - t_j|`` (consistency),
    the time between frame j and the frame that is nearest to frame i in the
    embedding space, ``o_ij = |t_j - t_{j*(i)}|`` (optimality), and the
    bandwidth ``m = sqrt(1 / M^2 + 1 / N^2)``:

    - ``P = phi exp(-(c / m)^2 / 2 std^2) + (1 - phi) exp(-(o / m)^2 / 2
      std^2)`` is a mixture of two Gaussians. Constant factors, such as that
      of the normal density, would cancel in the plan.
    - ``S = l1 (phi / (c^2 + 1) + (1 - phi) / (o^2 + 1))`` adds up inverse
      difference moments.
    - ``l1 = similarity_weight (M + N)`` and ``l2 = prior_weight M N / 4``.

    The virtual frame is as far from every frame as ``virtual_distance``
    frames of the mean length are from the diagonal. The two virtual frames
    are at distance 0 from each other.

    Args:
        cost (Tensor): D with the row and the column of the virtual frames
            first, ``(B, 1 + M, 1 + N)``, float32 or float64, finite.
        view1 (SequenceBatch): Frame indices and mask of the first sequences;
            one frame at least in every row.
        view2 (SequenceBatch): Of the second.
        phi (Tensor): :func:`consistency_share`, scalar.
        similarity_weight (float): Defaults to 1.
        prior_weight (float): Above 0. Defaults to 0.1.
        virtual_distance (float): In frames. Defaults to 7.5.
        prior_std (float): In frames, above 0. Defaults to 2.

    Returns:
        Tensor: ``log K``, ``(B, 1 + M, 1 + N)``; arbitrary but finite in
        the padding. The gradient is that of D alone.
    """
    length1, length2 = (
        view.lengths[:, None, None].to(cost) for view in (view1, view2)
    )
    time1, time2 = (view.relative_time(cost.dtype) for view in (view1, view2))
    bandwidth = (length1**-2 + length2**-2).sqrt()
    far = virtual_distance * 2 / (length1 + length2)
    consistency = (time1[:, :, None] - time2[:, None]).abs()
    match = cost.detach()[:, 1:, 1:].masked_fill(
        ~view2.mask[:, None], torch.inf
    )
    match_time = time2.gather(1, match.argmin(2))
    optimality = (match_time[:, :, None] - time2[:, None]).abs()
    apart = torch.stack([consistency, optimality])
    apart = add_virtual_frame(apart, far, corner=0.0)
    share = torch.stack([phi, 1 - phi]).to(cost)[:, None, None, None]
    # log(0) of a share is right: its Gaussian takes no part.
    prior = torch.logsumexp(
        share.log() - (apart / bandwidth).square() / (2 * prior_std**2), 0
    )
    similarity = (share / (apart.square() + 1)).sum(0)
    similarity = similarity_weight * (length1 + length2) * similarity
    return prior + (similarity - cost) * 4 / (prior_weight * length1 * length2)


def intra_contrast(
    view: SequenceBatch, window: float = 15.0, margin: float = 2.0
) -> Tensor:
    """Contrast the frames of one sequence with each other: VAVA's ``C(X)``.

    The mean over all pairs of frames of ``d / ((i - j)^2 + 1)`` where ``|i -
    j| <= window``, and of ``max(0, margin - d)`` elsewhere, with d the *mean*
    squared difference of the embeddings.

    Args:
        view (SequenceBatch): Embeddings, ``(B, T, D)``, float32 or float64.
        window (float): In frames. Defaults to 15.
        margin (float): Defaults to 2.

    Returns:
        Tensor: ``(B,)``.
    """
    distance = squared_distance(view, view) / view.values.shape[2]
    index, mask = view.frame_index, view.mask
    gap = (index[:, :, None] - index[:, None]).abs()
    terms = torch.where(
        gap > window,
        (margin - distance).relu(),
        distance / (gap.to(distance.dtype).square() + 1),
    )
    pair = mask[:, :, None] & mask[:, None]
    return masked_mean(terms.flatten(1), pair.flatten(1))


def inter_contrast(
    distance: Tensor,
    log_plan: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    temperature: float = 0.5,
) -> Tensor:
    """Contrast the best match of every frame with the worst: VAVA's I.

    The cross-entropy that tells the mean distance to the best matches from
    that to the worst, ``log(1 + exp((best - worst) / temperature))``. The
    plan ranks the matches; each mean is over the frames of one sequence, and
    those of both are added.

    Args:
        distance (Tensor): Mean squared differences, ``(B, M, N)``, finite.
        log_plan (Tensor): Logarithm of the plan between frames, ``(B, M,
            N)``; no gradient.
        mask1 (Tensor): Existing frames, ``(B, M)``, bool.
        mask2 (Tensor): ``(B, N)``.
        temperature (float): Above 0. Defaults to 0.5.

    Returns:
        Tensor: ``(B,)``.
    """
    best, worst = (
        masked_mean(distance.gather(2, columns).squeeze(2), mask1)
        + masked_mean(distance.gather(1, rows).squeeze(1), mask2)
        for columns, rows in _extremes(log_plan.detach(), mask1, mask2)
    )
    return F.softplus((best - worst) / temperature)


def _extremes(
    log_plan: Tensor, mask1: Tensor, mask2: Tensor
) -> tuple[tuple[Tensor, Tensor], ...]:
    outside = ~(mask1[:, :, None] & mask2[:, None])
    highest = log_plan.masked_fill(outside, -torch.inf)
    lowest = log_plan.masked_fill(outside, torch.inf)
    return (
        (highest.argmax(2, keepdim=True), highest.argmax(1, keepdim=True)),
        (lowest.argmin(2, keepdim=True), lowest.argmin(1, keepdim=True)),
    )


@MODELS.register_module()
class VAVALoss(AlignmentLoss):
    """Optimal transport with temporal priors: VAVA (Liu et al., CVPR 2022).

    *Learning to Align Sequential Actions in the Wild*, W. Liu, B. Tekin,
    H. Coskun, V. Vineet, P. Fua, M. Pollefeys. Row i of the two views are
    two sequences of one activity (``partner='activity'``), X of M and Y of N
    frames. D holds the squared distances of their embeddings. Each sequence
    gets one virtual frame, at the constant cost ``virtual_cost``, for frames
    without a match. The loss is

    ``<T, D> / (M N) + intra_weight (C(X) + C(Y)) + inter_weight I(X, Y)``:

    - T is the transport plan between uniform masses, by Sinkhorn iterations
      (:func:`sinkhorn_log_plan`) on the kernel of :func:`vava_log_kernel`.
      The kernel prefers matches near the diagonal (consistency) and, more
      and more in the course of training, near the best match of the
      embeddings (optimality). The gradient flows through T.
    - C is :func:`intra_contrast`.
    - I is :func:`inter_contrast`.

    Decided here, or other than in the published code:

    - The code cannot run as published: it scales its weights by lengths that
      it has not read yet. All lengths here, also in the bandwidth of the
      priors, are those of the views without the virtual frame.
    - The code divides the transport by M N twice, which makes this term
      about a thousandth of the others; without any division, embeddings
      collapsed in trials on synthetic data. We divide once by default:
      ``length_power``.
    - Times in the priors are the original indices over the original lengths,
      and those in C are original indices. The code counts the frames that it
      was given.
    - In I, the code ranks the matches by ``K * D``, in which a far frame can
      be the best. We rank them by T. The code averages sequences of equal
      length only; we average each sequence by itself.
    - The code clips K to [1e-15, 1e20], which logarithms do not need, and
      runs one iteration more than it is told.
    - After 20 iterations the rows of T have their mass, as in the code. What
      its columns miss is logged as ``mass_error``.
    - The two virtual frames are at distance 0 from each other. In the code
      they are at the ends of two sequences, ``|1 / M - 1 / N|`` apart.
    - Embeddings are not normalized: the margin suits a mean squared
      difference of channels of about unit variance.

    All defaults except ``length_power`` are those of the published code. The
    loss logs ``transport`` (``<T, D>``), ``intra`` (the mean of the two C),
    ``inter`` (I), ``mass_error`` of T, and phi (:func:`consistency_share`),
    for which it counts the training steps in its buffer ``step``.

    Args:
        num_iterations (int): Sinkhorn iterations, 1 or more. Defaults to 20.
        similarity_weight (float): Of the inverse difference moments, 0 or
            more. Defaults to 1.
        prior_weight (float): Of the divergence from the prior, above 0.
            Defaults to 0.1.
        virtual_cost (float): Of a match with a virtual frame, 0 or more.
            Defaults to 0.5.
        virtual_distance (float): Its distance in the priors, in frames, 0 or
            more. Defaults to 7.5 (the code's 5, times 1.5).
        prior_std (float): Of the Gaussian priors, in frames, above 0.
            Defaults to 2.
        length_power (int): The transport is divided by ``(M N) **
            length_power``: 0, 1 or 2. Defaults to 1; the code has 2.
        intra_weight (float): Of each C, 0 or more. Defaults to 0.5.
        intra_window (float): Of C, in frames, 0 or more. Defaults to 15.
        margin (float): Of C, 0 or more. Defaults to 2.
        inter_weight (float): Of I, 0 or more. Defaults to 1e-4.
        inter_temperature (float): Of I, above 0. Defaults to 0.5.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{VAVALoss()(view, view).item():.3f}')
        0.192
    """

    log_name = 'vava'

    def __init__(
        self,
        num_iterations: int = 20,
        similarity_weight: float = 1.0,
        prior_weight: float = 0.1,
        virtual_cost: float = 0.5,
        virtual_distance: float = 7.5,
        prior_std: float = 2.0,
        length_power: int = 1,
        intra_weight: float = 0.5,
        intra_window: float = 15.0,
        margin: float = 2.0,
        inter_weight: float = 1e-4,
        inter_temperature: float = 0.5,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_one_or_more(num_iterations=num_iterations)
        check_choice('length_power', length_power, (0, 1, 2))
        check_above_zero(
            prior_weight=prior_weight,
            prior_std=prior_std,
            inter_temperature=inter_temperature,
        )
        check_not_negative(
            similarity_weight=similarity_weight,
            virtual_cost=virtual_cost,
            virtual_distance=virtual_distance,
            intra_weight=intra_weight,
            intra_window=intra_window,
            margin=margin,
            inter_weight=inter_weight,
        )
        self.num_iterations = num_iterations
        self.virtual_cost = virtual_cost
        self.priors = dict(
            similarity_weight=similarity_weight,
            prior_weight=prior_weight,
            virtual_distance=virtual_distance,
            prior_std=prior_std,
        )
        self.length_power = length_power
        self.intra_weight = intra_weight
        self.intra = dict(window=intra_window, margin=margin)
        self.inter_weight = inter_weight
        self.inter_temperature = inter_temperature
        self.register_buffer('step', torch.zeros((), dtype=torch.int64))

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair; in training, count the step.

        Args:
            view1 (SequenceBatch): Embeddings of X, ``(B, M, D)``.
            view2 (SequenceBatch): Of Y, ``(B, N, D)``.

        Returns:
            Tensor: ``(B,)``.
        """
        phi = consistency_share(self.step)
        if self.training:
            self.step += 1
        with full_precision(view1.values, view2.values) as (z1, z2):
            view1, view2 = view1._replace(values=z1), view2._replace(values=z2)
            distance = squared_distance(view1, view2)
            cost = add_virtual_frame(distance, self.virtual_cost)
            mass1, mass2 = (
                uniform_log_mass(view.mask, cost.dtype, virtual=True)
                for view in (view1, view2)
            )
            log_plan = sinkhorn_log_plan(
                vava_log_kernel(cost, view1, view2, phi, **self.priors),
                mass1,
                mass2,
                self.num_iterations,
            )
            plan = log_plan.exp()
            transport = (plan * cost).sum((1, 2))
            intra = intra_contrast(view1, **self.intra)
            intra = intra + intra_contrast(view2, **self.intra)
            inter = inter_contrast(
                distance / z1.shape[2],
                log_plan[:, 1:, 1:],
                view1.mask,
                view2.mask,
                self.inter_temperature,
            )
            self.logged = dict(
                transport=transport.detach(),
                intra=intra.detach() / 2,
                inter=inter.detach(),
                mass_error=mass_error(plan.detach(), mass1, mass2),
                phi=phi,
            )
            scale = (view1.lengths * view2.lengths).to(transport)
            return (
                transport / scale**self.length_power
                + self.intra_weight * intra
                + self.inter_weight * inter
            )
