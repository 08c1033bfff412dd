from collections.abc import Sequence

import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_choice, check_not_negative
from ..width import build_with_width
from .alignment_head import AlignmentHead


def combine_losses(
    matching: Tensor, similarity: Tensor, eps: float = 1e-7
) -> Tensor:
    """Combine matching and clustering, eq. 9.

    ``L = L_m * 2 / ((1 + eps) + S_c)`` with the cosine *similarity* S_c. The
    paper's text calls it the negative one; in the printed formula that would
    reward disagreement and diverge as the views come to agree.

    Args:
        matching (Tensor): L_m, not negative, ``(B,)``.
        similarity (Tensor): S_c in [-1, 1], ``(B,)``.
        eps (float): Keeps the divisor above 0. Defaults to 1e-7.

    Returns:
        Tensor: ``(B,)``: L_m where the views agree, twice that where they
        are unrelated, growing without bound toward ``S_c = -1``.
    """
    # Cosines of rounded vectors may fall below -1 by more than eps.
    return matching * 2 / (eps + (1 + similarity).clamp_min(0))


def add_losses(matching: Tensor, similarity: Tensor, weight: float) -> Tensor:
    """Add up matching and clustering, in the place of eq. 9.

    ``L = L_m + weight * (1 - S_c)``. In eq. 9 the gradient of the clustering
    is proportional to L_m, and vanishes as the matching succeeds; here it
    does not. Of no paper.

    Args:
        matching (Tensor): L_m, not negative, ``(B,)``.
        similarity (Tensor): S_c in [-1, 1], ``(B,)``.
        weight (float): Not negative.

    Returns:
        Tensor: ``(B,)``: L_m where the views agree, up to ``2 * weight``
        more where they do not.
    """
    return matching + weight * (1 - similarity)


@MODELS.register_module()
class MASAHead(AlignmentHead):
    """Head of MASA: matching loss and clip-level implicit clustering.

    The total of eq. 9, or the sum in its place, is taken for every sequence
    and averaged over the batch.

    Args:
        predictor (dict, optional): Config of the cluster predictor H. None
            leaves the clustering out (Table 4): S_c is 0 then.
        matching_loss (dict): Config of the matching loss.
        clustering_loss (dict): Config of the matched similarity.
        eps (float): Of eq. 9. Defaults to 1e-7.
        combination (str): How the two are combined: ``'quotient'`` is eq. 9
            (:func:`combine_losses`), ``'sum'`` does not vanish with the
            matching loss (:func:`add_losses`). Defaults to ``'quotient'``.
        sum_weight (float): Of the clustering in the sum, not negative.
            Defaults to 0.1.
        extra_losses (Sequence[dict]): See :class:`AlignmentHead`. Defaults
            to none.
        in_channels (int, optional): See :class:`AlignmentHead`.
        init_cfg (dict, optional): How to initialize. Defaults to None.

    Raises:
        ValueError: If ``combination`` is unknown, or ``sum_weight`` is
            negative.
    """

    def __init__(
        self,
        predictor: dict | None,
        matching_loss: dict = dict(type='MatchingLoss'),  # noqa: B006
        clustering_loss: dict = dict(  # noqa: B006
            type='ImplicitClusteringLoss'
        ),
        eps: float = 1e-7,
        combination: str = 'quotient',
        sum_weight: float = 0.1,
        extra_losses: Sequence[dict] = (),
        in_channels: int | None = None,
        init_cfg: dict | None = None,
    ):
        super().__init__(matching_loss, extra_losses, in_channels, init_cfg)
        check_choice('combination', combination, ('quotient', 'sum'))
        check_not_negative(sum_weight=sum_weight)
        self.check_log_names('match_mse', 'cluster_cos')
        self.predictor = None
        if predictor:
            self.predictor = build_with_width(predictor, in_channels)
            self.in_channels = self.predictor.embed_dims
        self.clustering_loss = MODELS.build(clustering_loss)
        self.eps = eps
        self.combination = combination
        self.sum_weight = sum_weight

    def method_losses(
        self, view1: SequenceBatch, view2: SequenceBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute eq. 9, or the sum, for every sequence.

        Args:
            view1 (SequenceBatch): Z', ``(B, M, D)``.
            view2 (SequenceBatch): Z'', ``(B, N, D)``.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged
            are ``match_mse`` (L_m), ``match_frames`` (its root in frames)
            and ``cluster_cos`` (S_c, if there is a predictor).
        """
        matching = self.method_loss(view1, view2)
        logged = dict(match_mse=matching, **self.method_loss.logged)
        if self.predictor is None:
            similarity = torch.zeros_like(matching)
        else:
            prediction1, prediction2 = map(self._predict, (view1, view2))
            similarity = (
                self.clustering_loss(view1, prediction2)
                + self.clustering_loss(view2, prediction1)
            ) / 2
            logged['cluster_cos'] = similarity
        if self.combination == 'sum':
            return add_losses(matching, similarity, self.sum_weight), logged
        return combine_losses(matching, similarity, self.eps), logged

    def _predict(self, view: SequenceBatch) -> SequenceBatch:
        return view._replace(
            values=self.predictor(view.values, view.mask, view.host_lengths)
        )
