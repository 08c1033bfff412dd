import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from ...structures import SequenceBatch
from ..layers import frame_directions, sequence_directions
from ..ranges import check_above_zero, check_one_or_more
from .cycle_consistency import soft_nearest_neighbor
from .extra_loss import ExtraLoss
from .precision import full_precision
from .sequence_contrastive import time_divergence


def neighbor_cycle(
    z1: Tensor,
    z2: Tensor,
    index1: Tensor,
    index2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    temperature: float = 0.1,
    variance: float = 1.0,
    num_neighbors: int = 1,
) -> Tensor:
    """Find the time of a frame again by way of another sequence.

    With ``c_b`` the direction of the mean of the frame directions of
    sequence b, its neighbour is the other sequence whose other view lies
    nearest, and frame i of b's first view goes through the neighbour's
    second view back to b's own::

        n(b)   = argmax_{b' != b} c1_b c2_b'
        zhat_i = direction of
                 sum_k softmax_k(cos(z1_i, z2_n(b)k) / temperature) z2_n(b)k
        p_ij   = softmax_j(cos(zhat_i, z2_bj) / temperature)
        L_b    = mean_i KL(label_i || p_i)

    over the frames i of both views together, those of the second with the
    roles swapped, and over the nearest, the second nearest and so on. The
    label is that of
    :func:`~masa.models.losses.sequence_contrastive.sequence_contrast`.

    Args:
        z1 (Tensor): Embeddings of the first view, ``(B, M, D)``.
        z2 (Tensor): Of the second, ``(B, N, D)``.
        index1 (Tensor): Original frame indices of the first view,
            ``(B, M)``, int64.
        index2 (Tensor): Of the second, ``(B, N)``.
        mask1 (Tensor): Existing frames of the first view, ``(B, M)``, bool;
            one at least in every row.
        mask2 (Tensor): Of the second, ``(B, N)``.
        temperature (float): Of both softmaxes, above 0. Defaults to 0.1.
        variance (float): In squared frames, above 0. Defaults to 1.
        num_neighbors (int): How many neighbours, or all others where there
            are fewer. Defaults to 1.

    Returns:
        Tensor: L of each sequence, ``(B,)``, not negative; 0 for a batch of
        one, which has no neighbour. No gradient flows through the choice of
        the neighbour.
    """
    with full_precision(z1, z2) as (z1, z2):
        z1 = frame_directions(z1, mask1)
        z2 = frame_directions(z2, mask2)
        if len(z1) == 1:
            # Backward must find a way to the embeddings nonetheless.
            return (z1.sum((1, 2)) + z2.sum((1, 2))) * 0
        count = min(num_neighbors, len(z1) - 1)
        divergences = [
            time_divergence(
                _search(z1, z2, mask2, neighbors1, temperature),
                _search(z2, z1, mask1, neighbors2, temperature),
                index1,
                index2,
                mask1,
                mask2,
                variance,
            )
            for neighbors1, neighbors2 in zip(
                _nearest_clips(z1, z2, count),
                _nearest_clips(z2, z1, count),
                strict=True,
            )
        ]
        return torch.stack(divergences).mean(0)


def _search(
    frames: Tensor,
    others: Tensor,
    mask: Tensor,
    neighbor: Tensor,
    temperature: float,
) -> Tensor:
    """Compare one view with the other by way of the neighbours.

    Args:
        frames (Tensor): Normalised, ``(B, M, D)``, zero in the padding.
        others (Tensor): Of the other view, ``(B, N, D)``.
        mask (Tensor): Existing frames of the other view, ``(B, N)``, bool.
        neighbor (Tensor): A row of the other view for every row, ``(B,)``.
        temperature (float): Above 0.

    Returns:
        Tensor: Logits, ``(B, M, N)``; arbitrary but finite in the padding.
    """
    through = soft_nearest_neighbor(
        frames,
        others.index_select(0, neighbor),
        mask.index_select(0, neighbor),
        'cosine',
        temperature,
    )
    return F.normalize(through, dim=-1) @ others.mT / temperature


@torch.no_grad()
def _nearest_clips(frames: Tensor, others: Tensor, count: int) -> Tensor:
    """Find the other sequences whose other views are most alike.

    Args:
        frames (Tensor): Normalised, ``(B, M, D)``, zero in the padding.
        others (Tensor): Of the other view, ``(B, N, D)``; B is 2 or more.
        count (int): In [1, B).

    Returns:
        Tensor: Rows of the batch, the nearest first, ``(count, B)``, int64.
    """
    alike = sequence_directions(frames) @ sequence_directions(others).T
    return alike.fill_diagonal_(-torch.inf).topk(count).indices.T


@MODELS.register_module()
class NeighborCycleLoss(ExtraLoss):
    """Cycle consistency through the sequence that lies nearest.

    No label says which sequences show one activity; here the model's own
    neighbours stand in for it (:func:`neighbor_cycle`). That a frame is to
    come back from another video is the cycle consistency of TCC (Dwibedi et
    al., *Temporal Cycle-Consistency Learning*, CVPR 2019), that nearest
    neighbours serve as positives is NNCLR's (Dwibedi et al., *With a Little
    Help from My Friends*, ICCV 2021), and the Gaussian label is CARL's. The
    combination is ours and of no paper.

    The neighbours are sought in the batch, in training with several
    processes in that of a process.

    Args:
        temperature (float): Of the softmaxes, above 0. Defaults to 0.1.
        variance (float): Of the Gaussian of distances in time, in squared
            frames, above 0. Defaults to 1.0.
        weight (float): That a head gives to the loss, not negative.
            Defaults to 0.1.
        num_neighbors (int): How many neighbours, 1 or more. Defaults to 1.

    Raises:
        ValueError: If an argument is outside its range.
    """

    log_name = 'cycle_kl'

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 1.0,
        weight: float = 0.1,
        num_neighbors: int = 1,
    ):
        check_above_zero(temperature=temperature, variance=variance)
        super().__init__(weight)
        check_one_or_more(num_neighbors=num_neighbors)
        self.temperature = temperature
        self.variance = variance
        self.num_neighbors = num_neighbors

    def forward(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
    ) -> Tensor:
        """See the base class."""
        return neighbor_cycle(
            z1,
            z2,
            view1.frame_index,
            view2.frame_index,
            view1.mask,
            view2.mask,
            self.temperature,
            self.variance,
            self.num_neighbors,
        )
