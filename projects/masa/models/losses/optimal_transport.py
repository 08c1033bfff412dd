import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def uniform_log_mass(
    mask: Tensor, dtype: torch.dtype, virtual: bool = False
) -> Tensor:
    """Compute uniform marginals over the frames, as logarithms.

    Args:
        mask (Tensor): Existing frames, ``(B, T)``, bool; one at least in
            every row.
        dtype (torch.dtype): Of the result.
        virtual (bool): Whether to put a virtual frame before them. Defaults
            to False.

    Returns:
        Tensor: ``(B, T)`` or ``(B, 1 + T)``; minus infinity in the padding.
        The masses of a sequence sum to 1.
    """
    mask = F.pad(mask, (1, 0), value=True) if virtual else mask
    share = -mask.sum(1, keepdim=True).to(dtype).log()
    return share.expand_as(mask).masked_fill(~mask, -torch.inf)


def add_virtual_frame(
    values: Tensor, border: Tensor | float, corner: float | None = None
) -> Tensor:
    """Add a virtual frame (dustbin) before the frames of both sequences.

    Frames without a match in the other sequence can be matched to its virtual
    frame.

    Args:
        values (Tensor): One value for every pair of frames, ``(..., M, N)``.
        border (Tensor | float): Value of a frame and the virtual one; a
            tensor is broadcast to ``values``.
        corner (float, optional): Value of the two virtual ones. Defaults to
            ``border``.

    Returns:
        Tensor: ``(..., 1 + M, 1 + N)``.
    """
    padded = F.pad(values, (1, 0, 1, 0))
    virtual = torch.zeros_like(padded, dtype=torch.bool)
    virtual[..., 0, :] = True
    virtual[..., :, 0] = True
    padded = torch.where(virtual, border, padded)
    if corner is not None:
        padded[..., 0, 0] = corner
    return padded


def sinkhorn_log_plan(
    log_kernel: Tensor,
    log_mass1: Tensor,
    log_mass2: Tensor,
    num_iterations: int = 20,
) -> Tensor:
    """Scale kernels to transport plans by Sinkhorn iterations.

    ``T_ij = u_i K_ij v_j`` with, in turn, ``v_j = b_j / sum_i u_i K_ij`` and
    ``u_i = a_i / sum_j K_ij v_j``, ``u = 1`` at first: the plan of masses
    ``a`` and ``b`` that is closest to ``K`` (Cuturi, NeurIPS 2013). With
    ``K = exp(-C / eps)`` it minimizes ``<C, T> - eps H(T)``. The computation
    is in the log domain. Rows of the plan have their mass exactly, columns as
    far as the iterations have converged: :func:`mass_error`.

    The gradient is that of the iterations, not of their limit. The backward
    pass needs the kernel and four vectors per iteration, where autograd would
    keep two matrices per iteration.

    ``ot.batch.bregman_log_projection_batch`` of POT computes the same and
    takes masses of 0. But it stops when the slowest pair of the batch has
    converged, so that the result of a pair depends on the batch; it
    synchronizes with the GPU every ten iterations to find out; and it
    differentiates by autograd. The tests compare with it.

    Args:
        log_kernel (Tensor): ``log K``, ``(B, M, N)``, float32 or float64,
            finite; whatever the padding holds plays no part.
        log_mass1 (Tensor): ``log a``, ``(B, M)``, minus infinity in the
            padding; no gradient.
        log_mass2 (Tensor): ``log b``, ``(B, N)``, likewise, of the same sum.
        num_iterations (int): 1 or more. Defaults to 20.

    Returns:
        Tensor: ``log T``, ``(B, M, N)``, minus infinity in the padding.
    """
    exists = (log_mass1[:, :, None] + log_mass2[:, None]) > -torch.inf
    return _SinkhornLogPlan.apply(
        log_kernel.where(exists, 0), log_mass1, log_mass2, num_iterations
    )


def fused_gromov_plan(
    cost: Tensor,
    structure1: Tensor,
    structure2: Tensor,
    log_mass1: Tensor,
    log_mass2: Tensor,
    alpha: float = 0.3,
    eps: float = 0.07,
    num_iterations: int = 25,
    sinkhorn_iterations: int = 1,
    step_size: float = 1.0,
) -> Tensor:
    """Solve a fused Gromov-Wasserstein problem by mirror descent.

    Minimizes ``(1 - alpha) <C, T> + alpha / 2 <A T B, T> - eps H(T)`` over
    the plans ``T`` of masses ``a`` and ``b``, where ``<A T B, T>`` is the
    sum of ``A_ik B_jl T_ij T_kl``: two matrix products. From ``T = a b'`` on,
    every iteration projects ``exp(-G / eps)`` back by Sinkhorn iterations
    (Peyre et al., ICML 2016), which continue from the scaling of the
    iteration before. ``G`` is ``(1 - alpha) C + alpha A T B`` with the full
    step; with a shorter one it moves there from the ``G`` before by a share
    ``step_size``. The problem is not convex: with the full step, ``T`` may
    end up oscillating between two plans.

    As the masses are fixed, the squared difference of structures is the same
    problem: ``sum (A'_ik - B_jl)^2 T_ij T_kl`` with ``A' = -A`` is ``2 <A T
    B, T>`` plus a constant. ``ot.batch.solve_gromov_batch`` of POT solves
    that one, but adds a proximal term and gives NaN where a mass is 0, and so
    with padding.

    There is no gradient.

    Args:
        cost (Tensor): C, ``(B, M, N)``, float32 or float64, finite; whatever
            the padding holds plays no part.
        structure1 (Tensor): A, symmetric, ``(B, M, M)``, finite.
        structure2 (Tensor): B, symmetric, ``(B, N, N)``, finite.
        log_mass1 (Tensor): ``log a``, ``(B, M)``, minus infinity in the
            padding.
        log_mass2 (Tensor): ``log b``, ``(B, N)``, likewise, of the same sum.
        alpha (float): Weight of the structure, in [0, 1]. Defaults to 0.3.
        eps (float): Weight of the entropy, above 0. Defaults to 0.07.
        num_iterations (int): Steps of mirror descent, 1 or more. Defaults to
            25.
        sinkhorn_iterations (int): In each step, 1 or more. Defaults to 1.
        step_size (float): Length of a step, in (0, 1]. Defaults to 1.

    Returns:
        Tensor: T, ``(B, M, N)``, 0 in the padding; rows have their mass
        exactly.
    """
    with torch.no_grad():
        plan = (log_mass1[:, :, None] + log_mass2[:, None]).exp()
        cost = (1 - alpha) * cost.where(plan > 0, 0)
        log_u = _start(log_mass1)
        gradient = None
        for _ in range(num_iterations):
            target = cost + alpha * (structure1 @ plan @ structure2)
            gradient = (
                target
                if gradient is None
                else gradient.lerp(target, step_size)
            )
            log_kernel = gradient / -eps
            for _ in range(sinkhorn_iterations):
                log_v = log_mass2 - _sum_rows(log_kernel, log_u)
                log_u = log_mass1 - _sum_columns(log_kernel, log_v)
            plan = _log_plan(log_kernel, log_u, log_v).exp()
    return plan


def mass_error(plan: Tensor, log_mass1: Tensor, log_mass2: Tensor) -> Tensor:
    """Measure how far plans are from the masses that they should have.

    Args:
        plan (Tensor): ``(B, M, N)``.
        log_mass1 (Tensor): ``(B, M)``.
        log_mass2 (Tensor): ``(B, N)``.

    Returns:
        Tensor: ``(B,)``: the absolute differences of the sums of rows and
        columns from their masses, added up; between 0 and 4 for a mass of
        1.
    """
    rows = (plan.sum(2) - log_mass1.exp()).abs().sum(1)
    columns = (plan.sum(1) - log_mass2.exp()).abs().sum(1)
    return rows + columns


def _start(log_mass: Tensor) -> Tensor:
    return torch.zeros_like(log_mass).masked_fill(
        log_mass == -torch.inf, -torch.inf
    )


def _sum_rows(log_kernel: Tensor, log_u: Tensor) -> Tensor:
    return torch.logsumexp(log_kernel + log_u[:, :, None], 1)


def _sum_columns(log_kernel: Tensor, log_v: Tensor) -> Tensor:
    return torch.logsumexp(log_kernel + log_v[:, None], 2)


def _log_plan(log_kernel: Tensor, log_u: Tensor, log_v: Tensor) -> Tensor:
    return log_kernel + log_u[:, :, None] + log_v[:, None]


class _SinkhornLogPlan(torch.autograd.Function):
    """Sinkhorn iterations, differentiated one by one from the last."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        log_kernel: Tensor,
        log_mass1: Tensor,
        log_mass2: Tensor,
        num_iterations: int,
    ) -> Tensor:
        log_u = _start(log_mass1)
        scales = []
        for _ in range(num_iterations):
            columns = _sum_rows(log_kernel, log_u)
            log_v = log_mass2 - columns
            rows = _sum_columns(log_kernel, log_v)
            scales += [log_u, columns, log_v, rows]
            log_u = log_mass1 - rows
        ctx.save_for_backward(log_kernel, *scales)
        return _log_plan(log_kernel, log_u, log_v)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: FunctionCtx, grad: Tensor
    ) -> tuple[Tensor, None, None, None]:
        log_kernel, *scales = ctx.saved_tensors
        grad = grad.clone()
        grad_u, grad_v = grad.sum(2), grad.sum(1)
        while scales:
            *scales, log_u, columns, log_v, rows = scales
            # Of log_u = log_mass1 - rows: a softmax over the columns.
            part = (log_kernel + log_v[:, None] - rows[:, :, None]).exp()
            part *= grad_u[:, :, None]
            grad -= part
            grad_v = grad_v - part.sum(1)
            # Of log_v = log_mass2 - columns: a softmax over the rows.
            part = (log_kernel + log_u[:, :, None] - columns[:, None]).exp()
            part *= grad_v[:, None]
            grad -= part
            grad_u = -part.sum(2)
            grad_v = torch.zeros_like(grad_v)
        return grad, None, None, None
