import torch
import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_not_negative,
    check_one_or_more,
)
from ..layers import frame_directions, sequence_directions
from .alignment_loss import AlignmentLoss
from .cycle_consistency import soft_nearest_neighbor
from .precision import full_precision
from .sequence_contrastive import time_divergence


def neighbor_cycle(
    view1: SequenceBatch,
    view2: SequenceBatch,
    temperature: float = 0.1,
    variance: float = 1.0,
    num_neighbors: int = 1,
    mutual: bool = False,
    memory: Tensor | None = None,
) -> Tensor:
    """Compute the nearest-neighbor cycle consistency of every sequence.

    With ``c_b`` the L2-normalized mean of the L2-normalized frames of
    sequence b, its neighbor is the other sequence whose other view lies
    nearest, and frame i of b's first view goes through the neighbor's second
    view back to b's own::

        n(b)   = argmax_{b' != b} c1_b c2_b'
        zhat_i = sum_k softmax_k(cos(z1_i, z2_n(b)k) / temperature) z2_n(b)k
        p_ij   = softmax_j(cos(zhat_i, z2_bj) / temperature)
        L_b    = mean_i KL(label_i || p_i)

    over the frames i of both views together, those of the second with the
    roles swapped, and over the nearest, the second nearest and so on. The
    label is that of
    :func:`~masa.models.losses.sequence_contrastive.sequence_contrast`.

    Args:
        view1 (SequenceBatch): Embeddings of the first view, ``(B, M, D)``;
            one frame at least in every row.
        view2 (SequenceBatch): Of the second, ``(B, N, D)``.
        temperature (float): Of both softmaxes, above 0. Defaults to 0.1.
        variance (float): In squared frames, above 0. Defaults to 1.
        num_neighbors (int): How many neighbors, or all others where there
            are fewer. Defaults to 1.
        mutual (bool): Whether only neighbors count whose own nearest
            sequence of the batch is b, in either direction. Defaults to
            False.
        memory (Tensor, optional): Memory bank of sequences of earlier
            batches, which are candidates too: L2-normalized frames
            ``(K, S, D)``; rows of zeros hold none yet. Defaults to None.

    Returns:
        Tensor: L of each sequence, averaged over its neighbors that count,
        ``(B,)``, not negative; 0 for a sequence without any, as a batch of
        one has none. No gradient flows through the choice of the neighbor.
    """
    mask1, mask2 = view1.mask, view2.mask
    with full_precision(view1.values, view2.values) as (z1, z2):
        z1 = frame_directions(z1, mask1)
        z2 = frame_directions(z2, mask2)
        if memory is not None:
            memory = memory.to(z1.dtype)
        count = len(z1) - 1 + (0 if memory is None else len(memory))
        if count == 0:
            # Backward must find a way to the embeddings nonetheless.
            return (z1.sum((1, 2)) + z2.sum((1, 2))) * 0
        count = min(num_neighbors, count)
        divergences, weights = [], []
        for (rows1, counts1), (rows2, counts2) in zip(
            _nearest_clips(z1, z2, count, mutual, memory),
            _nearest_clips(z2, z1, count, mutual, memory),
            strict=True,
        ):
            divergences.append(
                time_divergence(
                    _search(z1, z2, mask2, rows1, temperature, memory),
                    _search(z2, z1, mask1, rows2, temperature, memory),
                    view1,
                    view2,
                    variance,
                )
            )
            weights.append(counts1 & counts2)
        weights = torch.stack(weights).to(z1.dtype)
        total = (torch.stack(divergences) * weights).sum(0)
        return total / weights.sum(0).clamp_min(1)


def _search(
    frames: Tensor,
    others: Tensor,
    mask: Tensor,
    neighbor: Tensor,
    temperature: float,
    memory: Tensor | None,
) -> Tensor:
    """Compare one view with the other by way of the neighbors.

    Args:
        frames (Tensor): Normalized, ``(B, M, D)``, zero in the padding.
        others (Tensor): Of the other view, ``(B, N, D)``.
        mask (Tensor): Existing frames of the other view, ``(B, N)``, bool.
        neighbor (Tensor): For every row a row of the other view or, counted
            on from B, of the memory, ``(B,)``.
        temperature (float): Above 0.
        memory (Tensor, optional): ``(K, S, D)``.

    Returns:
        Tensor: Logits, ``(B, M, N)``; arbitrary but finite in the padding.
    """
    through = soft_nearest_neighbor(
        frames,
        *_neighbor_frames(others, mask, neighbor, memory),
        'cosine',
        temperature,
    )
    return F.normalize(through, dim=-1) @ others.mT / temperature


def _neighbor_frames(
    others: Tensor, mask: Tensor, neighbor: Tensor, memory: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Gather the neighbors, see :func:`_search`.

    Returns:
        tuple[Tensor, Tensor]: Their frames ``(B, L, D)`` and which of them
        exist, ``(B, L)``.
    """
    if memory is None:
        return others.index_select(0, neighbor), mask.index_select(0, neighbor)
    batch, own_length = mask.shape
    length = max(own_length, memory.shape[1])
    in_batch = neighbor.clamp_max(batch - 1)
    in_memory = (neighbor - batch).clamp_min(0)
    remembered = (neighbor >= batch)[:, None]
    more, rest = length - own_length, length - memory.shape[1]
    frames = torch.where(
        remembered[..., None],
        F.pad(memory, (0, 0, 0, rest)).index_select(0, in_memory),
        F.pad(others, (0, 0, 0, more)).index_select(0, in_batch),
    )
    exists = torch.where(
        remembered,
        torch.arange(length, device=mask.device) < memory.shape[1],
        F.pad(mask, (0, more)).index_select(0, in_batch),
    )
    return frames, exists


@torch.no_grad()
def _nearest_clips(
    frames: Tensor,
    others: Tensor,
    count: int,
    mutual: bool,
    memory: Tensor | None,
) -> list[tuple[Tensor, Tensor]]:
    """Find the other sequences whose other views are most alike.

    Args:
        frames (Tensor): Normalized, ``(B, M, D)``, zero in the padding.
        others (Tensor): Of the other view, ``(B, N, D)``.
        count (int): How many, at most ``B - 1 + K``.
        mutual (bool): See :func:`neighbor_cycle`.
        memory (Tensor, optional): ``(K, S, D)``.

    Returns:
        list[tuple[Tensor, Tensor]]: The nearest first, the row for every
        sequence, ``(B,)`` int64, counted on from B in the memory, and
        whether it counts, ``(B,)`` bool.
    """
    clips = sequence_directions(frames)
    alike = clips @ sequence_directions(others).T
    alike.fill_diagonal_(-torch.inf)
    if memory is not None:
        remembered = sequence_directions(memory)
        filled = memory.any(-1).any(-1)
        alike = torch.cat(
            [alike, (clips @ remembered.T).masked_fill(~filled, -torch.inf)],
            dim=1,
        )
    nearest, rows = alike.topk(count)
    counts = nearest > -torch.inf
    if mutual:
        back = alike.argmax(0)[rows]
        counts &= back == torch.arange(len(rows), device=rows.device)[:, None]
    return list(zip(rows.T, counts.T, strict=True))


def _uniform_frames(directions: Tensor, mask: Tensor, count: int) -> Tensor:
    """Take as many frames of every sequence, evenly spread.

    Args:
        directions (Tensor): ``(B, T, D)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        count (int): S, 1 or more.

    Returns:
        Tensor: ``(B, S, D)``; of shorter sequences frames come twice.
    """
    share = torch.linspace(0, 1, count, device=mask.device)
    last = mask.sum(1, keepdim=True) - 1
    frames = (share * last).round().long()
    return directions.gather(
        1, frames[..., None].expand(-1, -1, directions.shape[-1])
    )


@MODELS.register_module()
class NeighborCycleLoss(AlignmentLoss):
    """Nearest-neighbor cycle consistency, in a batch or a memory bank.

    No label says which sequences show one activity; here the model's own
    nearest neighbors stand in for it (:func:`neighbor_cycle`). That a frame
    is to come back from another video is the cycle consistency of TCC (Dwibedi
    et al., *Temporal Cycle-Consistency Learning*, CVPR 2019), that nearest
    neighbors serve as positives is NNCLR's (Dwibedi et al., *With a Little
    Help from My Friends*, ICCV 2021), and the Gaussian label is CARL's. The
    combination is ours and of no paper.

    The neighbors are sought in the batch, in training with several
    processes in that of a process, and in a memory of earlier batches, if
    there is one. What it holds was embedded by the weights of then, which
    change slowly (Wang et al., *Cross-Batch Memory for Embedding Learning*,
    CVPR 2020), and no gradient flows there. The nearest of it may be an
    earlier view of the sequence itself: with m of n sequences remembered in
    m^2 / 2n^2 of the cases, as every epoch has an order of its own.

    Args:
        temperature (float): Of the softmaxes, above 0. Defaults to 0.1.
        variance (float): Of the Gaussian of distances in time, in squared
            frames, above 0. Defaults to 1.0.
        weight (float): See :class:`AlignmentLoss`. Defaults to 0.1.
        num_neighbors (int): How many neighbors, 1 or more. Defaults to 1.
        mutual (bool): Whether only neighbors count whose own nearest
            sequence of the batch is the one they are neighbors of: where a
            batch has no second sequence of an activity, the nearest is
            wrong, and seldom mutual. Defaults to False.
        memory (int): How many sequences of earlier batches are remembered,
            not negative. Defaults to 0.
        memory_frames (int): How many frames of each, evenly spread, 1 or
            more. Defaults to 64.
        embed_dims (int, optional): Width D of the embeddings, which a memory
            bank must know; a head sets it. Defaults to None.

    Raises:
        ValueError: If an argument is outside its range, or a memory lacks
            ``embed_dims``.
    """

    log_name = 'cycle_kl'

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 1.0,
        weight: float = 0.1,
        num_neighbors: int = 1,
        mutual: bool = False,
        memory: int = 0,
        memory_frames: int = 64,
        embed_dims: int | None = None,
    ):
        check_above_zero(temperature=temperature, variance=variance)
        super().__init__(weight)
        check_one_or_more(
            num_neighbors=num_neighbors, memory_frames=memory_frames
        )
        check_not_negative(memory=memory)
        if memory and not embed_dims:
            raise ValueError(
                f'memory={memory} is expected to come with embed_dims, the '
                f'width of the embeddings, but got embed_dims={embed_dims}'
            )
        self.temperature = temperature
        self.variance = variance
        self.num_neighbors = num_neighbors
        self.mutual = mutual
        self.register_buffer(
            'memory',
            torch.zeros(memory, memory_frames, embed_dims) if memory else None,
        )

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute :func:`neighbor_cycle`, ``(B,)``; in training, remember.

        Args:
            view1 (SequenceBatch): Embeddings of the first view, which the
                memory bank takes in.
            view2 (SequenceBatch): Of the second.

        Returns:
            Tensor: ``(B,)``, not negative.
        """
        losses = neighbor_cycle(
            view1,
            view2,
            self.temperature,
            self.variance,
            self.num_neighbors,
            self.mutual,
            self.memory,
        )
        if self.memory is not None and self.training:
            self._remember(view1)
        return losses

    @torch.no_grad()
    def _remember(self, view: SequenceBatch) -> None:
        """Put a batch in the place of the oldest sequences.

        Args:
            view (SequenceBatch): Embeddings, ``(B, T, D)``.
        """
        new = _uniform_frames(
            frame_directions(view.values, view.mask),
            view.mask,
            self.memory.shape[1],
        )
        self.memory = torch.cat([new.to(self.memory), self.memory])[
            : len(self.memory)
        ]
