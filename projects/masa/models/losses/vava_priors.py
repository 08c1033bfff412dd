import torch
from torch import Tensor

from .optimal_transport import add_virtual_frame


def consistency_share(step: Tensor) -> Tensor:
    """Weigh VAVA's consistency prior against its optimality prior.

    ``phi = 0.999 ** floor(sqrt(step + 1))``, kept in [0.001, 0.999]:
    training begins with alignments close to the diagonal and trusts the
    embeddings more and more.

    Args:
        step (Tensor): Number of steps trained, scalar, int64.

    Returns:
        Tensor: phi, scalar, float32.
    """
    power = (step.float() + 1).sqrt().floor()
    return (0.999**power).clamp(0.001, 0.999)


def vava_log_kernel(
    distance: Tensor,
    time1: Tensor,
    time2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    phi: Tensor,
    similarity_weight: float = 1.0,
    prior_weight: float = 0.1,
    virtual_distance: float = 7.5,
    prior_std: float = 2.0,
) -> Tensor:
    """Build VAVA's transport kernel ``K = P exp((S - D) / l2)``.

    With the time between two frames, ``c_ij = |t_i - t_j|`` (consistency),
    the time between a frame and the match that is nearest in the embedding
    now, ``o_ij = |t_j - t_{j*(i)}|`` (optimality), and their bandwidth
    ``m = sqrt(1 / M^2 + 1 / N^2)``:

    - ``P = phi exp(-(c / m)^2 / 2 std^2) + (1 - phi) exp(-(o / m)^2 / 2
      std^2)``, a mixture of two Gaussians. Factors that all entries share,
      such as that of the normal density, would vanish in the plan.
    - ``S = l1 (phi / (c^2 + 1) + (1 - phi) / (o^2 + 1))``, inverse
      difference moments.
    - ``l1 = similarity_weight (M + N)``, ``l2 = prior_weight M N / 4``.

    The virtual frame is as far from every frame as ``virtual_distance``
    frames of the mean length are from the diagonal, and in itself at no
    distance.

    Args:
        distance (Tensor): D with the virtual frame's row and column first,
            ``(B, 1 + M, 1 + N)``, float32 or float64, finite.
        time1 (Tensor): Time stamps in shares of the length, ``(B, M)``.
        time2 (Tensor): ``(B, N)``.
        mask1 (Tensor): Existing frames, ``(B, M)``, bool; one at least in
            every row.
        mask2 (Tensor): ``(B, N)``.
        phi (Tensor): :func:`consistency_share`, scalar.
        similarity_weight (float): Defaults to 1.
        prior_weight (float): Above 0. Defaults to 0.1.
        virtual_distance (float): Defaults to 7.5.
        prior_std (float): In frames, above 0. Defaults to 2.

    Returns:
        Tensor: ``log K``, ``(B, 1 + M, 1 + N)``; arbitrary but finite in
        the padding. The gradient is that of D alone.
    """
    length1 = mask1.sum(1)[:, None, None].to(distance)
    length2 = mask2.sum(1)[:, None, None].to(distance)
    bandwidth = (length1**-2 + length2**-2).sqrt()
    far = virtual_distance * 2 / (length1 + length2)
    consistency = (time1[:, :, None] - time2[:, None]).abs()
    match = distance.detach()[:, 1:, 1:].masked_fill(
        ~mask2[:, None], torch.inf
    )
    match_time = time2.gather(1, match.argmin(2))
    optimality = (match_time[:, :, None] - time2[:, None]).abs()
    apart = torch.stack([consistency, optimality])
    apart = add_virtual_frame(apart, far, corner=0.0)
    share = torch.stack([phi, 1 - phi]).to(distance)[:, None, None, None]
    # log(0) of a share is right: its Gaussian takes no part.
    prior = torch.logsumexp(
        share.log() - (apart / bandwidth).square() / (2 * prior_std**2), 0
    )
    similarity = (share / (apart.square() + 1)).sum(0)
    similarity = similarity_weight * (length1 + length2) * similarity
    return prior + (similarity - distance) * 4 / (
        prior_weight * length1 * length2
    )
