import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_one_or_more
from ..layers import frame_directions, sequence_directions
from .alignment_loss import AlignmentLoss
from .optimal_transport import sinkhorn_log_plan
from .precision import full_precision


def balanced_assignment(
    scores: Tensor, epsilon: float = 0.05, iterations: int = 3
) -> Tensor:
    """Share sequences among prototypes so that all get as much.

    Sinkhorn's iterations toward ``max <Q, S> + epsilon H(Q)`` with rows that
    sum to 1 and columns that sum to ``B / K``, on logarithms.

    Args:
        scores (Tensor): S, ``(B, K)``, float32 or float64.
        epsilon (float): Weight of the entropy, above 0. Defaults to 0.05.
        iterations (int): 1 or more. Defaults to 3.

    Returns:
        Tensor: Q, ``(B, K)``, in [0, 1], without gradient. Rows sum to 1
        exactly, columns to ``B / K`` as far as the iterations have
        converged. One sequence alone belongs to all prototypes alike.
    """
    rows, columns = scores.shape
    with torch.no_grad():
        log_plan = sinkhorn_log_plan(
            scores[None] / epsilon,
            scores.new_zeros(1, rows),
            scores.new_full((1, columns), math.log(rows / columns)),
            iterations,
        )
        return log_plan[0].exp()


@MODELS.register_module()
class SwappedPredictionLoss(AlignmentLoss):
    """Swapped prediction of cluster assignments (SwAV), at clip level.

    *Unsupervised Learning of Visual Features by Contrasting Cluster
    Assignments*, M. Caron et al., NeurIPS 2020. With ``c1`` and ``c2`` the
    direction of the mean of the frame directions of a sequence's two views,
    ``P`` the normalized prototypes and ``Q`` the
    :func:`balanced_assignment` of a view's clips::

        L_b = -(Q1_b log softmax(P c2_b / temperature)
                + Q2_b log softmax(P c1_b / temperature)) / 2

    No gradient flows into the assignments. They are balanced over the
    sequences of a batch, in training with several processes over those of a
    process.

    Decided here, or other than in the published code: the prototypes are
    normalized wherever they are used, where the code does so between steps.
    There is no queue of earlier batches, so that a batch of fewer sequences
    than there are prototypes has each sequence share several. The two
    directions are averaged.

    Args:
        embed_dims (int): Width D of the embeddings, 1 or more.
        num_prototypes (int): K, 1 or more. Defaults to 64.
        temperature (float): Of the prediction, above 0. Defaults to 0.1.
        epsilon (float): Of the assignment, above 0: the smaller, the
            harder. Defaults to 0.05.
        iterations (int): Sinkhorn's, 1 or more. Defaults to 3.
        weight (float): See :class:`AlignmentLoss`. Defaults to 0.1.

    Raises:
        ValueError: If an argument is outside its range.
    """

    log_name = 'swapped_entropy'

    def __init__(
        self,
        embed_dims: int,
        num_prototypes: int = 64,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        weight: float = 0.1,
    ):
        check_one_or_more(
            embed_dims=embed_dims,
            num_prototypes=num_prototypes,
            iterations=iterations,
        )
        check_above_zero(temperature=temperature, epsilon=epsilon)
        super().__init__(weight)
        self.temperature = temperature
        self.epsilon = epsilon
        self.iterations = iterations
        # Whose directions are spread evenly over the sphere.
        self.prototypes = nn.Parameter(torch.randn(num_prototypes, embed_dims))

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence, ``(B,)``."""
        with full_precision(view1.values, view2.values, self.prototypes) as (
            z1,
            z2,
            prototypes,
        ):
            prototypes = F.normalize(prototypes, dim=-1)
            scores1, scores2 = (
                sequence_directions(frame_directions(z, view.mask))
                @ prototypes.T
                for z, view in ((z1, view1), (z2, view2))
            )
            return (
                self._predict(scores1, scores2)
                + self._predict(scores2, scores1)
            ) / 2

    def _predict(self, scores: Tensor, target: Tensor) -> Tensor:
        """Predict the assignments of one view by the scores of the other.

        Args:
            scores (Tensor): Of the view that predicts, ``(B, K)``.
            target (Tensor): Of the view that is predicted, ``(B, K)``.

        Returns:
            Tensor: Cross entropy, ``(B,)``.
        """
        assigned = balanced_assignment(target, self.epsilon, self.iterations)
        predicted = (scores / self.temperature).log_softmax(-1)
        return -(assigned * predicted).sum(-1)
