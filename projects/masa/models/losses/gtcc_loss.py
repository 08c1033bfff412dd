import math

import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_one_or_more,
    check_range,
)
from ..width import build_with_width
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .precision import full_precision

# A component with less of the mass than this keeps its place.
LEAST_MASS = 1e-12


@torch.no_grad()
def fit_gaussian_mixtures(
    mass: Tensor,
    mask: Tensor,
    num_components: int = 5,
    num_iterations: int = 10,
    min_variance: float = 0.5,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a mixture of Gaussians to each of many distributions over frames.

    Expectation-maximization of ``sum_j a_j log sum_k w_k N(j; m_k, s_k^2)``,
    all distributions at once, from equal weights, means in the middle of K
    equal parts of the sequence, and variances of one frame per frame of it.

    Args:
        mass (Tensor): Distributions a over the frames j of a sequence,
            ``(B, Q, N)``, float32 or wider; 0 in the padding.
        mask (Tensor): Existing frames, ``(B, N)``, bool; padding last.
        num_components (int): K. Defaults to 5.
        num_iterations (int): Defaults to 10.
        min_variance (float): Of a component, in squared frames. Defaults to
            0.5.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Means m, variances s^2 and weights w,
        ``(B, Q, K)`` each, in frames; without gradient.
    """
    position = torch.arange(
        mass.shape[-1], device=mass.device, dtype=mass.dtype
    )
    parts = torch.arange(num_components, device=mass.device) + 0.5
    length = mask.sum(1).to(mass.dtype)[:, None, None]
    shape = (*mass.shape[:2], num_components)
    mean = (length * parts / num_components - 0.5).expand(shape)
    variance = length.clamp_min(min_variance).expand(shape)
    weight = torch.full_like(mean, 1 / num_components)
    for _ in range(num_iterations):
        offset = position - mean[..., None]
        log_joint = weight.log() - variance.log() / 2
        log_joint = log_joint[..., None] - offset.square() / (
            2 * variance[..., None]
        )
        share = log_joint.softmax(-2) * mass[..., None, :]
        total = share.sum(-1)
        found = total > LEAST_MASS
        total = total.clamp_min(LEAST_MASS)
        mean = torch.where(found, share @ position / total, mean)
        spread = (position - mean[..., None]).square()
        spread = (share * spread).sum(-1) / total
        variance = torch.where(found, spread.clamp_min(min_variance), variance)
        weight = total / total.sum(-1, keepdim=True)
    return mean, variance, weight


def sample_frames(
    mask: Tensor, count: int | None = None
) -> tuple[Tensor, Tensor]:
    """Draw different frames of every sequence.

    Args:
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        count (int, optional): How many. None takes all. Defaults to None.

    Returns:
        tuple[Tensor, Tensor]: Positions, ``(B, Q)``, int64, and which of
        them were drawn from existing frames, ``(B, Q)``, bool: all, unless a
        sequence has fewer than ``count``. Q is ``count``, or T if that is
        less.
    """
    length = mask.shape[1]
    order = torch.rand(mask.shape, device=mask.device)
    order = order.masked_fill(~mask, -1)
    position = order.topk(min(count or length, length), dim=1).indices
    return position, mask.gather(1, position)


def cycle_windows(
    query: Tensor, mask: Tensor, to_left: Tensor, share: float = 0.5
) -> Tensor:
    """Compute which frames a query may come back to.

    A window of ``round(share * n)`` of the n frames that ends at the query
    or begins with it, moved as far as it takes to lie in the sequence.

    Args:
        query (Tensor): Positions of the queries, ``(B, Q)``, int64.
        mask (Tensor): Existing frames of their sequences, ``(B, M)``, bool;
            padding last.
        to_left (Tensor): Whether the windows of a sequence end at the
            queries, ``(B,)``, bool.
        share (float): In (0, 1]. Defaults to 0.5.

    Returns:
        Tensor: ``(B, Q, M)``, bool.
    """
    length = mask.sum(1)[:, None]
    width = (share * length).round().long().clamp_min(1)
    start = torch.where(
        to_left[:, None],
        (query - width + 1).clamp_min(0),
        torch.minimum(query, length - width),
    )[..., None]
    position = torch.arange(mask.shape[1], device=mask.device)
    return (position >= start) & (position < start + width[..., None])


def gaussian_mixture_cycle(
    view1: SequenceBatch,
    view2: SequenceBatch,
    query: Tensor,
    to_left: Tensor,
    num_components: int = 5,
    temperature: float = 0.1,
    window: float = 0.5,
    num_iterations: int = 10,
    min_variance: float = 0.5,
) -> Tensor:
    """Compute the cycle-back error of GTCC for frames of one sequence.

    A frame i of X, the first view, goes to Y, the second, by each of K
    components (w_k, m_k, s_k^2), and back::

        a_j  = softmax_j(-||x_i - y_j|| / temperature)
        sum_k w_k N(j; m_k, s_k^2)  fitted to  a_j
        v_k  = sum_j g_k(j) y_j,    g_k(j) = softmax_j(-(j - m_k)^2 / 2 s_k^2)
        b_kl = softmax_l(-||v_k - x_l|| / temperature)   over i's window
        mu_k = sum_l b_kl index_l
        c_i  = sum_k w_k (index_i - mu_k)^2

    Distances are Euclidean, not squared. No gradient passes the fit, so that
    none reaches ``x_i`` itself but by the way back.

    Args:
        view1 (SequenceBatch): Embeddings of X, ``(B, M, D)``; one frame at
            least in every row.
        view2 (SequenceBatch): Of Y, ``(B, N, D)``, likewise.
        query (Tensor): Positions of the frames i, ``(B, Q)``, int64.
        to_left (Tensor): Sides of the windows, ``(B,)``, bool: see
            :func:`cycle_windows`.
        num_components (int): K. Defaults to 5.
        temperature (float): Defaults to 0.1.
        window (float): Share of X that a window holds. Defaults to 0.5.
        num_iterations (int): Of the fit. Defaults to 10.
        min_variance (float): Of a component, in squared frames of Y.
            Defaults to 0.5.

    Returns:
        Tensor: c, ``(B, Q)``, in squared frames, not negative; arbitrary, but
        finite, for a query in the padding.
    """
    mask_x, mask_y = view1.mask, view2.mask
    with full_precision(view1.values, view2.values) as (x, y):
        x = torch.where(mask_x[..., None], x, 0)
        y = torch.where(mask_y[..., None], y, 0)
        index = torch.where(mask_x, view1.frame_index, 0).to(x.dtype)
        with torch.no_grad():
            frames = x.gather(1, query[..., None].expand(-1, -1, x.shape[-1]))
            logits = _distances(frames, y) / -temperature
            mass = _masked_softmax(logits, mask_y[:, None])
            mean, variance, weight = fit_gaussian_mixtures(
                mass, mask_y, num_components, num_iterations, min_variance
            )
            position = torch.arange(y.shape[1], device=y.device)
            offset = (position - mean[..., None]).square()
            component = _masked_softmax(
                offset / (-2 * variance[..., None]), mask_y[:, None, None]
            )
        neighbor = component.flatten(1, 2) @ y
        logits = _distances(neighbor, x) / -temperature
        allowed = cycle_windows(query, mask_x, to_left, window)
        back = _masked_softmax(
            logits.unflatten(1, mean.shape[1:]), allowed[:, :, None]
        )
        returned = (back @ index[:, None, :, None]).squeeze(-1)
        error = (index.gather(1, query)[..., None] - returned).square()
        return (weight * error).sum(-1)


def _distances(queries: Tensor, keys: Tensor) -> Tensor:
    # By differences: the product loses the small distances that decide.
    return torch.cdist(
        queries, keys, compute_mode='donot_use_mm_for_euclid_dist'
    )


def _masked_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    return logits.masked_fill(~mask, -math.inf).softmax(-1)


@MODELS.register_module()
class GTCCLoss(AlignmentLoss):
    """Generalized temporal cycle consistency (Donahue and Elhamifar, 2024).

    *Learning to Predict Activity Progress by Self-Supervised Video
    Alignment*, G. Donahue, E. Elhamifar, CVPR 2024. Frames of one sequence go
    to another of the same activity by every component of a Gaussian mixture
    over their soft nearest neighbors, and should come back to where they
    started (:func:`gaussian_mixture_cycle`); a frame i of X with the squared
    error c_i and the probability p_i of having a counterpart at all
    (:class:`DropContext`) costs ``p_i c_i + (1 - p_i) / c_i``. The loss is
    the mean over the frames, and over both directions.

    Decided here, or other than in the published code:

    - Mixtures are fitted by batched expectation-maximization, all at once;
      the code runs one LBFGS for every frame on the symmetric divergence of
      a_j and the mixture. EM takes the half of it that is KL(a || mixture),
      with Gaussians that are not normalized over the frames.
    - c is measured in original frames, as far as its balance with 1 / c
      goes, and the loss then divided by the squared length of X, so that a
      long sequence does not outweigh a short one; the code does not.
    - ``1 / c`` is ``1 / (c + 0.1)`` here: the code stops at ``c = 0``.
    - A window includes the frame it belongs to, holds the same number of
      frames everywhere, and lies to the left or to the right for all frames
      of a sequence at a time. The code's left windows leave that frame out,
      and near the ends its windows are larger.
    - The code sums over frames and pairs; here they are averaged. It can add
      the logarithm of the spread on the way back, weighted by 0.

    It logs ``cycle_frames``, the root of the mean c of a pair, in frames,
    and, with ``drop``, ``keep_share``, its mean p.

    Args:
        num_components (int): K, 1 or more. Defaults to 5 (the code's, for
            activities whose steps follow each other in order; 15 in the
            wild).
        temperature (float): Of both softmaxes, above 0. Defaults to 0.1 (the
            code's).
        window (float): Share of X that a frame may come back to, in (0, 1].
            Defaults to 0.5 (the code's; 0.2 in the wild).
        num_queries (int, optional): Random frames of X that are followed, 1
            or more; None for all. Defaults to 20 (the code's).
        num_iterations (int): Of expectation-maximization, 1 or more. Defaults
            to 10.
        min_variance (float): Of a component, in squared frames, above 0.
            Defaults to 0.5 (the code's).
        drop (dict, optional): Config of the :class:`DropContext`. None drops
            no frame: p is 1 (the code's ``gamma=1``, for ordered
            activities). Defaults to None.
        embed_dims (int, optional): Width D of the embeddings, which ``drop``
            must know; a head sets it. Defaults to None.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.zeros(2, 3)])
        >>> loss = GTCCLoss(num_queries=None, window=1.0)
        >>> print(f'{loss(view, view).item():.4f}')
        0.0625
    """

    log_name = 'mixture_cycle'
    # In squared frames; bounds the slope of 1 / c.
    drop_eps = 0.1

    def __init__(
        self,
        num_components: int = 5,
        temperature: float = 0.1,
        window: float = 0.5,
        num_queries: int | None = 20,
        num_iterations: int = 10,
        min_variance: float = 0.5,
        drop: dict | None = None,
        embed_dims: int | None = None,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_one_or_more(
            num_components=num_components, num_iterations=num_iterations
        )
        if num_queries is not None:
            check_one_or_more(num_queries=num_queries)
        check_above_zero(temperature=temperature, min_variance=min_variance)
        check_range('window', window, 0, 1, open_low=True)
        self.num_queries = num_queries
        self.options = dict(
            num_components=num_components,
            temperature=temperature,
            window=window,
            num_iterations=num_iterations,
            min_variance=min_variance,
        )
        self.drop = build_with_width(drop, embed_dims) if drop else None

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair, ``(B,)``.

        Args:
            view1 (SequenceBatch): Embeddings of the sequences.
            view2 (SequenceBatch): Of their partners.

        Returns:
            Tensor: ``(B,)``, not negative. In training, each call is a step
            of the schedule of ``drop``.
        """
        with full_precision(view1.values, view2.values) as (z1, z2):
            view1 = view1._replace(values=z1)
            view2 = view2._replace(values=z2)
            directions = (
                self._direction(view1, view2),
                self._direction(view2, view1),
            )
            losses, errors, kept = (
                sum(parts) / 2 for parts in zip(*directions, strict=True)
            )
        self.logged = dict(cycle_frames=errors.detach().sqrt())
        if self.drop is not None:
            self.logged['keep_share'] = kept.detach()
            if self.training:
                self.drop.step += 1
        return losses

    def _direction(
        self, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the loss, the mean c and the mean p of one direction."""
        query, valid = sample_frames(view1.mask, self.num_queries)
        to_left = torch.rand(len(query), device=query.device) < 0.5
        error = gaussian_mixture_cycle(
            view1, view2, query, to_left, **self.options
        )
        cost, kept = error, torch.ones_like(error)
        if self.drop is not None:
            kept = self.drop(view1, view2).gather(1, query)
            cost = kept * error + (1 - kept) / (error + self.drop_eps)
        loss = masked_mean(cost, valid) / view1.num_frames.square()
        return loss, masked_mean(error, valid), masked_mean(kept, valid)
