import torch.nn.functional as F
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_not_negative
from ..layers import FramePacking
from .alignment_loss import AlignmentLoss
from .precision import full_precision

# Keeps the slope of the square root finite at a variance of 0.
VARIANCE_EPS = 1e-4


def variance_covariance(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Measure collapse of channels, and how much they repeat each other.

    With ``C`` the covariance of the D channels, divided by ``F - 1``, these
    are the two regularizers of VICReg::

        V = mean_d max(0, 1 - sqrt(C_dd + 1e-4))
        R = sum_{d != e} C_de^2 / D

    Args:
        frames (Tensor): ``(F, D)``, one frame at least; float32 or float64.

    Returns:
        tuple[Tensor, Tensor]: V, scalar in [0, 0.99], and R, scalar, not
        negative. A single frame has a covariance of 0.
    """
    centered = frames - frames.mean(0)
    covariance = centered.T @ centered / max(len(frames) - 1, 1)
    variance = covariance.diagonal()
    shortfall = F.relu(1 - (variance + VARIANCE_EPS).sqrt()).mean()
    # Taking the diagonal out of a sum would lose a small remainder.
    shared = covariance - variance.diag()
    return shortfall, shared.square().sum() / frames.shape[1]


@MODELS.register_module()
class VarianceCovarianceLoss(AlignmentLoss):
    """Variance and covariance regularizers of VICReg (Bardes et al., 2022).

    *VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
    Learning*, A. Bardes, J. Ponce, Y. LeCun, ICLR 2022. Channels are to vary
    and to say different things (:func:`variance_covariance`). The statistics
    are those of all existing frames of a view, of the embeddings as they
    come, not normalized; padding plays no part. In training with several
    processes the frames are those of a process.

    Behind :class:`~masa.models.ProjectionNeck` the last batch normalization
    makes the variance of every channel 1 already, as long as its factors,
    which are learned, stay at the 1 that they begin with. It is the
    covariance that acts there.

    Decided here, or other than in the published code: both regularizers are
    averaged over the two views, where the code adds up the covariances of
    both. The paper's weights are 25 for the variance and 1 for the
    covariance, hence 0.04 of it here.

    Args:
        weight (float): See :class:`AlignmentLoss`. Defaults to 0.1.
        variance_weight (float): Of the variance within the loss, not
            negative. Defaults to 1.0.
        covariance_weight (float): Of the covariance within the loss, not
            negative. Defaults to 0.04.

    Raises:
        ValueError: If an argument is negative.
    """

    log_name = 'variance_covariance'

    def __init__(
        self,
        weight: float = 0.1,
        variance_weight: float = 1.0,
        covariance_weight: float = 0.04,
    ):
        super().__init__(weight)
        check_not_negative(
            variance_weight=variance_weight,
            covariance_weight=covariance_weight,
        )
        self.variance_weight = variance_weight
        self.covariance_weight = covariance_weight

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of the batch, the same for every sequence."""
        with full_precision(view1.values, view2.values) as (z1, z2):
            total = (self._one_view(z1, view1) + self._one_view(z2, view2)) / 2
            return total.expand(len(z1))

    def _one_view(self, z: Tensor, view: SequenceBatch) -> Tensor:
        frames = FramePacking(view.mask, view.host_lengths).pack(z)
        shortfall, shared = variance_covariance(frames)
        return (
            self.variance_weight * shortfall + self.covariance_weight * shared
        )
