import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def soft_dtw(
    cost: Tensor, mask1: Tensor, mask2: Tensor, gamma: float = 0.1
) -> Tensor:
    """Align pairs of sequences by soft-DTW (Cuturi and Blondel, 2017).

    ``r_ij = cost_ij + softmin(r_i-1,j , r_i,j-1 , r_i-1,j-1)`` with
    ``softmin(a) = -gamma log sum exp(-a / gamma)``; the value of a pair is
    the r of its last two frames. It is the soft minimum of the costs of all
    monotone alignments, and its gradient the alignment to be expected.

    All cells of an anti-diagonal, of all pairs, are computed at once: two
    sequences of M and N frames take M + N - 1 steps. Memory is ``O(B M N)``.

    Args:
        cost (Tensor): Cost of matching frame i of the first sequence with
            frame j of the second, ``(B, M, N)``, float32 or float64. The
            padding may hold anything.
        mask1 (Tensor): Existing frames of the first sequences, ``(B, M)``,
            bool, existing ones first; one at least in every row.
        mask2 (Tensor): Of the second ones, ``(B, N)``, likewise.
        gamma (float): Softness, above 0, in the units of the cost. Defaults
            to 0.1.

    Returns:
        Tensor: ``(B,)``; below the cost of the best alignment, and negative
        where many alignments are cheap.

    Example:
        >>> cost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> mask = torch.ones(1, 2, dtype=torch.bool)
        >>> soft_dtw(cost, mask, mask, gamma=1.0)
        tensor([-0.5514])
    """
    if cost.shape[1] > cost.shape[2]:
        # The buffers are as wide as the first axis.
        return soft_dtw(cost.mT, mask2, mask1, gamma)
    exists = mask1.unsqueeze(2) & mask2.unsqueeze(1)
    cost = cost.masked_fill(~exists, 0)
    return _SoftDTW.apply(cost, mask1.sum(1), mask2.sum(1), gamma)


class _SoftDTW(torch.autograd.Function):
    """Algorithms 1 and 2 of Cuturi and Blondel by anti-diagonals.

    Cell (i, j) of a pair is on diagonal ``k = i + j``. A buffer
    ``(diagonals + 2, M + 1, B)`` has it at ``[k + 2, i + 1]``, so that a
    diagonal of all pairs is one contiguous block, and the cells that one
    depends on are found in the two blocks before.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        cost: Tensor,
        length1: Tensor,
        length2: Tensor,
        gamma: float,
    ) -> Tensor:
        """Compute ``-r / gamma`` for every cell; padding does not matter.

        No cell that exists depends on one that does not.
        """
        batch, m, n = cost.shape
        # Anti-diagonals of the matrix are diagonals of its mirror image.
        mirrored = cost.flip(2)
        score = cost.new_full((m + n + 1, m + 1, batch), -torch.inf)
        # The empty alignment, before the first cell.
        score[0, 0] = 0
        reach = cost.new_empty((m, batch))
        for k in range(m + n - 1):
            low, high = max(0, k - n + 1), min(m, k + 1)
            up, left, both = _predecessors(score, k, low, high)
            cell = reach[low:high]
            torch.logaddexp(up, left, out=cell)
            torch.logaddexp(cell, both, out=cell)
            torch.add(
                cell,
                mirrored.diagonal(n - 1 - k, 1, 2).T,
                alpha=-1 / gamma,
                out=score[k + 2, low + 1 : high + 1],
            )
        ctx.save_for_backward(score, length1, length2)
        last = _last_cells(length1, length2)
        return score[last] * -gamma

    @staticmethod
    @once_differentiable
    def backward(
        ctx: FunctionCtx, grad_output: Tensor
    ) -> tuple[Tensor, None, None, None]:
        """Hand the gradient of every cell on to its predecessors.

        ``exp((r_ij - r_i-1,j - cost_ij) / gamma)`` of Algorithm 2 is the
        softmax weight of the predecessor; taken as a softmax, the weights
        sum to one however far r has grown.
        """
        score, length1, length2 = ctx.saved_tensors
        m, batch = score.shape[1] - 1, score.shape[2]
        n = score.shape[0] - 1 - m
        expected = torch.zeros_like(score)
        expected[_last_cells(length1, length2)] = grad_output
        mirrored = score.new_empty((batch, m, n))
        for k in range(m + n - 2, -1, -1):
            low, high = max(0, k - n + 1), min(m, k + 1)
            own = expected[k + 2, low + 1 : high + 1]
            mirrored.diagonal(n - 1 - k, 1, 2).T.copy_(own)
            predecessors = _predecessors(score, k, low, high)
            share = torch.stack(predecessors).softmax(0).mul_(own)
            for target, part in zip(
                _predecessors(expected, k, low, high), share, strict=True
            ):
                target.add_(part)
        return mirrored.flip(2), None, None, None


def _predecessors(
    buffer: Tensor, k: int, low: int, high: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return cells (i-1, j), (i, j-1), (i-1, j-1) of a part of a diagonal."""
    return (
        buffer[k + 1, low:high],
        buffer[k + 1, low + 1 : high + 1],
        buffer[k, low:high],
    )


def _last_cells(length1: Tensor, length2: Tensor) -> tuple[Tensor, ...]:
    """Return where the buffer has the last cell of every pair."""
    rows = torch.arange(len(length1), device=length1.device)
    return length1 + length2, length1, rows
