import math

import torch
from torch import Tensor

from .gaussian_mixture import fit_gaussian_mixtures
from .precision import full_precision


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
    """Say which frames a query may come back to.

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
    x: Tensor,
    y: Tensor,
    index: Tensor,
    mask_x: Tensor,
    mask_y: Tensor,
    query: Tensor,
    to_left: Tensor,
    num_components: int = 5,
    temperature: float = 0.1,
    window: float = 0.5,
    num_iterations: int = 10,
    min_variance: float = 0.5,
) -> Tensor:
    """Follow frames of one sequence to another, by several ways, and back.

    For a frame i of X, with K components (w_k, m_k, s_k^2)::

        a_j  = softmax_j(-||x_i - y_j|| / temperature)
        sum_k w_k N(j; m_k, s_k^2)  fitted to  a_j
        v_k  = sum_j g_k(j) y_j,    g_k(j) = softmax_j(-(j - m_k)^2 / 2 s_k^2)
        b_kl = softmax_l(-||v_k - x_l|| / temperature)   over i's window
        mu_k = sum_l b_kl index_l
        c_i  = sum_k w_k (index_i - mu_k)^2

    Distances are Euclidean, not squared. No gradient passes the fit, so that
    none reaches ``x_i`` itself but by the way back.

    Args:
        x (Tensor): Embeddings of X, ``(B, M, D)``.
        y (Tensor): Of Y, ``(B, N, D)``.
        index (Tensor): Times of the frames of X, ``(B, M)``, integer or
            floating.
        mask_x (Tensor): Existing frames of X, ``(B, M)``, bool; one at least
            in every row, padding last.
        mask_y (Tensor): Of Y, ``(B, N)``.
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
        Tensor: c, ``(B, Q)``, in squared units of ``index``, not negative;
        arbitrary, but finite, for a query in the padding.
    """
    with full_precision(x, y) as (x, y):
        x = torch.where(mask_x[..., None], x, 0)
        y = torch.where(mask_y[..., None], y, 0)
        index = torch.where(mask_x, index, 0).to(x.dtype)
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
