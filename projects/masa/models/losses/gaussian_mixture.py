import torch
from torch import Tensor

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

    Expectation maximisation of ``sum_j a_j log sum_k w_k N(j; m_k, s_k^2)``,
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
