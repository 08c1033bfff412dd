from collections.abc import Sequence

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_one_or_more
from ..losses.gaussian_mixture_cycle import (
    gaussian_mixture_cycle,
    sample_frames,
)
from ..losses.matching_loss import masked_mean
from ..losses.precision import full_precision
from .alignment_head import AlignmentHead


@MODELS.register_module()
class GTCCHead(AlignmentHead):
    """Generalised temporal cycle consistency (Donahue and Elhamifar, 2024).

    *Learning to Predict Activity Progress by Self-Supervised Video
    Alignment*, G. Donahue, E. Elhamifar, CVPR 2024. Frames of one sequence go
    to another by every component of a Gaussian mixture over their soft
    nearest neighbours, and should come back to where they started
    (:func:`~masa.models.losses.gaussian_mixture_cycle.gaussian_mixture_cycle`);
    a frame i of X with the squared error c_i and the probability p_i of
    having a counterpart at all (:class:`DropContext`) costs
    ``p_i c_i + (1 - p_i) / c_i``. The loss is the mean over the frames, and
    over both directions. Row i of the two batches are sequences of one
    activity (``partner='activity'``).

    Decided here, or other than in the published code:

    - Mixtures are fitted by batched expectation maximisation, all at once;
      the code runs one LBFGS for every frame on the symmetric divergence of
      a_j and the mixture. EM takes the half of it that is KL(a || mixture),
      with Gaussians that are not normalised over the frames.
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
        num_iterations (int): Of expectation maximisation, 1 or more. Defaults
            to 10.
        min_variance (float): Of a component, in squared frames, above 0.
            Defaults to 0.5 (the code's).
        drop (dict, optional): Config of the :class:`DropContext`. None drops
            no frame: p is 1 (the code's ``gamma=1``, for ordered
            activities). Defaults to None.
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If an argument is out of its range.
    """

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
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_components=num_components)
        if num_queries is not None:
            check_one_or_more(num_queries=num_queries)
        check_one_or_more(num_iterations=num_iterations)
        check_above_zero(temperature=temperature, min_variance=min_variance)
        if not 0 < window <= 1:
            raise ValueError(
                f'window is expected to be in (0, 1], but got {window}'
            )
        self.num_queries = num_queries
        self.options = dict(
            num_components=num_components,
            temperature=temperature,
            window=window,
            num_iterations=num_iterations,
            min_variance=min_variance,
        )
        self.drop = MODELS.build(drop) if drop else None

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair of sequences.

        Args:
            z1 (Tensor): Embeddings of the first sequences, ``(B, M, D)``.
            z2 (Tensor): Of their partners, ``(B, N, D)``.
            view1 (SequenceBatch): The first sequences.
            view2 (SequenceBatch): Their partners.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged
            are ``cycle_frames``, the root of the mean c of a pair, in frames,
            and, with ``drop``, ``keep_share``, its mean p.
        """
        with full_precision(z1, z2) as (z1, z2):
            directions = (
                self._direction(z1, z2, view1, view2),
                self._direction(z2, z1, view2, view1),
            )
            losses, errors, kept = (
                sum(parts) / 2 for parts in zip(*directions, strict=True)
            )
        logged = dict(cycle_frames=errors.detach().sqrt())
        if self.drop is not None:
            logged['keep_share'] = kept
            if self.training:
                self.drop.step += 1
        return losses, logged

    def _direction(
        self,
        x: Tensor,
        y: Tensor,
        view_x: SequenceBatch,
        view_y: SequenceBatch,
    ) -> tuple[Tensor, Tensor, Tensor]:
        query, valid = sample_frames(view_x.mask, self.num_queries)
        to_left = torch.rand(len(x), device=x.device) < 0.5
        error = gaussian_mixture_cycle(
            x,
            y,
            view_x.frame_index,
            view_x.mask,
            view_y.mask,
            query,
            to_left,
            **self.options,
        )
        cost, kept = error, torch.ones_like(error)
        if self.drop is not None:
            kept = self.drop(x, y, view_x.mask, view_y.mask).gather(1, query)
            cost = kept * error + (1 - kept) / (error + self.drop_eps)
        loss = masked_mean(cost, valid) / view_x.num_frames.square()
        return loss, masked_mean(error, valid), masked_mean(kept, valid)
