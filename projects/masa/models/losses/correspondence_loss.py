import math

import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_range
from ..layers import frame_directions
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .precision import full_precision

# A moment occurs in the other sequence if its frames have this weight
# together. Where frames are a step apart, they have 2.5 steps' worth.
OCCURS = 0.3
# Below every similarity that is divided by a temperature of 0.01 or more.
FAR = -1e4


@MODELS.register_module()
class CorrespondenceLoss(AlignmentLoss):
    """Contrast frames by the ground truth of what corresponds to what.

    For training on data whose timeline is known, such as
    :class:`~masa.datasets.random_activities.RandomActivityDataset`. The two
    views are performances of one activity. Frame i of one should resemble
    frame j of the other as their places u on the timeline are close::

        q_ij = exp(-|u_i - u_j|^2 / (2 s^2)) / sum_j
        p_ij = softmax_j(cos(z_i, z_j) / temperature)
        L    = mean_i KL(q_i || p_i) + weight * mean_i KL(q_i || r_i)

    with ``s = deviation`` times the mean step of the two views, where they
    move. In ``r`` the softmax is also over frames of the other activities of
    the batch, which no frame should resemble. It is the loss of CARL (Chen
    et al., CVPR 2022) between different sequences, with the true places in
    the place of those of augmented frames. Frames whose moment does not
    occur in the other view do not count.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1.
        deviation (float): Standard deviation of the target, in steps, above
            0. Defaults to 1.5.
        steps (int): Number of steps of a sequence: 64 are those of
            :class:`ResampledEncoder`. Defaults to 64.
        negatives (int): Frames of other activities, drawn anew in every
            step; 0 for none. Defaults to 640.
        batch_weight (float): ``weight``, not negative. Defaults to 1.0.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.
    """

    log_name = 'correspondence_kl'

    def __init__(
        self,
        temperature: float = 0.1,
        deviation: float = 1.5,
        steps: int = 64,
        negatives: int = 640,
        batch_weight: float = 1.0,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(temperature=temperature, deviation=deviation)
        check_range('steps', steps, 1)
        check_range('negatives', negatives, 0)
        check_range('batch_weight', batch_weight, 0)
        self.temperature = temperature
        self.deviation = deviation
        self.steps = steps
        self.negatives = negatives
        self.batch_weight = batch_weight

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair of views.

        Args:
            view1 (SequenceBatch): Embeddings and timeline of the first view,
                ``(B, M, D)`` and ``(B, M, 2)``.
            view2 (SequenceBatch): Of the second.

        Returns:
            Tensor: ``(B,)``, not negative.

        Raises:
            ValueError: If a view has no timeline.
        """
        for view in (view1, view2):
            if view.timeline is None:
                raise ValueError(
                    'CorrespondenceLoss is expected to get views with a '
                    'timeline, such as those of RandomActivityDataset'
                )
        with full_precision(view1.values, view2.values) as (z1, z2):
            z1 = frame_directions(z1, view1.mask)
            z2 = frame_directions(z2, view2.mask)
            similarity = z1 @ z2.mT / self.temperature
            closeness = self._closeness(view1, view2).to(similarity)
            pool, owner = self._draw_negatives(z1, z2, view1, view2)
            parts = [
                self._divergence(
                    similarity,
                    closeness,
                    z1 @ pool.T / self.temperature,
                    owner,
                    view1.mask,
                    view2.mask,
                ),
                self._divergence(
                    similarity.mT,
                    closeness.mT,
                    z2 @ pool.T / self.temperature,
                    owner,
                    view2.mask,
                    view1.mask,
                ),
            ]
        within, among = ((a + b) / 2 for a, b in zip(*parts, strict=True))
        self.logged = dict(
            within_kl=within.detach().mean(), among_kl=among.detach().mean()
        )
        return within + self.batch_weight * among

    def _closeness(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Log of the unnormalized target, ``(B, M, N)``."""
        step = torch.maximum(self._mean_step(view1), self._mean_step(view2))
        deviation = (self.deviation * step).clamp(min=1e-3)[:, None, None]
        places1, places2 = view1.timeline, view2.timeline
        distance = (places1[:, :, None] - places2[:, None]).square().sum(-1)
        return distance / (-2 * deviation.square())

    def _mean_step(self, view: SequenceBatch) -> Tensor:
        """Mean distance of steps on the timeline where it moves, ``(B,)``."""
        moved = view.timeline.diff(dim=1).norm(dim=-1)
        # Where a periodic activity starts again nothing jumps on a circle.
        moves = view.mask[:, 1:] & (moved > 1e-4)
        mean = torch.where(moves, moved, 0).sum(1) / moves.sum(1).clamp(min=1)
        # Of a step of the encoder, which may hold several frames.
        return mean * (view.mask.sum(1) / self.steps).clamp(min=1)

    def _draw_negatives(self, z1, z2, view1, view2) -> tuple[Tensor, Tensor]:
        """Frames ``(K, D)`` and the rows that they are of ``(K,)``."""
        frames = torch.cat([z1[view1.mask], z2[view2.mask]])
        owner = torch.cat(
            [view.mask.nonzero()[:, 0] for view in (view1, view2)]
        )
        chosen = torch.randperm(len(frames), device=frames.device)
        chosen = chosen[: self.negatives]
        return frames[chosen], owner[chosen]

    def _divergence(
        self,
        similarity: Tensor,
        closeness: Tensor,
        to_pool: Tensor,
        owner: Tensor,
        mask: Tensor,
        key_mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """KL divergences within the pair and among the batch, ``(B,)``."""
        keys = key_mask[:, None]
        # The padding may hold anything, and gets no gradient.
        target = closeness.masked_fill(~mask[..., None], 0)
        target = target.masked_fill(~keys, -torch.inf)
        occurs = mask & (target.logsumexp(-1) > math.log(OCCURS))
        target = target.log_softmax(-1)
        weights = target.exp()
        scores = similarity.masked_fill(~keys, FAR)
        # sum q (log q - log p), with log p = score - log-sum of the scores.
        surplus = (weights * (target.clamp(min=FAR) - scores)).sum(-1)
        own = scores.logsumexp(-1)
        within = masked_mean(surplus + own, occurs)
        rows = torch.arange(len(mask), device=mask.device)
        foreign = owner != rows[:, None]
        others = to_pool.masked_fill(~foreign[:, None], FAR).logsumexp(-1)
        # The pool stands for all frames of the other activities.
        frames = mask.sum() + key_mask.sum()
        others = others + (frames / max(len(owner), 1)).log()
        among = masked_mean(surplus + torch.logaddexp(own, others), occurs)
        return within, among
