import torch
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import (
    check_above_zero,
    check_choice,
    check_not_negative,
)
from ..layers import frame_directions
from .alignment_loss import AlignmentLoss
from .precision import full_precision
from .soft_dtw import soft_dtw

WEIGHTINGS = ('code', 'paper')


def squared_distance(unit1: Tensor, unit2: Tensor) -> Tensor:
    """Compute the squared distances of L2-normalized frames.

    Args:
        unit1 (Tensor): ``(B, M, D)``, normalized.
        unit2 (Tensor): ``(B, N, D)``, likewise.

    Returns:
        Tensor: ``2 - 2 cos``, ``(B, M, N)``; within rounding of [0, 4].
    """
    return 2 - 2 * (unit1 @ unit2.mT)


def contrastive_idm(
    distance: Tensor,
    view: SequenceBatch,
    sigma: float = 10.0,
    margin: float = 2.0,
    weighting: str = 'code',
) -> Tensor:
    """Compute the contrastive inverse difference moment (Contrastive-IDM).

    It keeps frames that are near in time together and frames that are far
    apart. Over the pairs of frames i, j of one sequence, ``delta = |i - j|``::

        near, delta <= sigma:  w_near(delta) * distance_ij
        far,  delta >  sigma:  w_far(delta) * max(0, margin - distance_ij)

    The *paper* weighs near pairs by ``1 / (delta^2 + 1)``, an inverse
    difference moment, and far ones by ``delta^2 + 1``, in frames. The
    *code* has 1 and ``(delta / length)^2 + 1``. Of frames that are not a
    sample of 20, the paper's weights reach tens of thousands: the farthest
    pairs are all that is left.

    Args:
        distance (Tensor): Of the frames of a sequence from each other,
            ``(B, T, T)``. The padding may hold anything.
        view (SequenceBatch): Frame indices and mask of the sequences.
        sigma (float): How many original frames apart pairs are near.
            Defaults to 10.
        margin (float): Distance beyond which far pairs are left alone.
            Defaults to 2.
        weighting (str): ``'code'`` or ``'paper'``. Defaults to ``'code'``.

    Returns:
        Tensor: Mean over all ordered pairs, those of a frame with itself
        included, ``(B,)``; not negative if no distance is.
    """
    index = view.frame_index.to(distance.dtype)
    delta = (index.unsqueeze(2) - index.unsqueeze(1)).abs()
    far = delta > sigma
    exists = view.mask.unsqueeze(2) & view.mask.unsqueeze(1)
    if weighting == 'paper':
        far_weight = delta.square() + 1
        near_weight = far_weight.reciprocal()
    else:
        far_weight = (delta / view.num_frames[:, None, None]).square() + 1
        near_weight = torch.ones_like(far_weight)
    weight = torch.where(far, far_weight, near_weight)
    moment = torch.where(far, (margin - distance).clamp_min(0), distance)
    # Weights after the choice: garbage in the padding is never multiplied.
    moment = torch.where(exists, moment, 0) * torch.where(exists, weight, 0)
    return moment.sum((1, 2)) / exists.sum((1, 2)).clamp_min(1)


@MODELS.register_module()
class LAVLoss(AlignmentLoss):
    """Loss of LAV: soft-DTW with Contrastive-IDM (Haresh et al., CVPR 2021).

    *Learning by Aligning Videos in Time*, S. Haresh, S. Kumar, H. Coskun,
    S. N. Syed, A. Konin, Z. Zia, Q.-H. Tran. The soft-DTW cost of a pair of
    sequences of one activity, and a regularization I within each
    (:func:`contrastive_idm`) that keeps embeddings from collapse, with
    squared distances of L2-normalized embeddings in both::

        L = softDTW_gamma(X, Y) / ((M + N) / 2)
            + alpha * clip_frames * (I(X) + I(Y))

    Decided here, or other than in the published code:

    - LAV samples N = 20 frames of every video and divides the sum of both
      terms by N. Here all frames of both views take part. Soft-DTW, which
      grows with the length of the path, is divided by the mean length of
      the pair; the sums of I over N x N pairs are means here, weighted as if
      there were ``clip_frames`` = 20 of them in a row. So for 20 frames this
      is the published loss, and with more frames its terms keep their
      balance; literally, the second would grow with the length.
    - The weights of I are the code's; the paper's are an option.
    - ``sigma`` counts original frames, as in LAV's code, whatever the
      length.
    - Normalization is part of the loss; what is evaluated are the encoder's
      embeddings as they are, like all other methods'.

    It logs ``soft_dtw``, per frame, and ``contrastive_idm``, ``I(X) + I(Y)``
    as a mean over pairs.

    Args:
        gamma (float): Softness of soft-DTW, above 0. Defaults to 0.1 (LAV).
        alpha (float): Weight of the regularization, not negative. Defaults
            to 0.5 (LAV's code).
        sigma (float): How many original frames apart two frames are near,
            not negative. Defaults to 10 (LAV's code).
        margin (float): Squared distance that far frames are kept at; 2 is
            that of orthogonal embeddings, 4 of opposite ones. Above 0.
            Defaults to 2 (LAV).
        weighting (str): ``'code'`` or ``'paper'``. Defaults to ``'code'``.
        clip_frames (float): Frames of a clip that ``alpha`` was made for,
            above 0. Defaults to 20 (LAV).
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> print(f'{LAVLoss()(view, view).item():.3f}')
        26.667
    """

    log_name = 'lav'

    def __init__(
        self,
        gamma: float = 0.1,
        alpha: float = 0.5,
        sigma: float = 10.0,
        margin: float = 2.0,
        weighting: str = 'code',
        clip_frames: float = 20,
        weight: float = 1.0,
    ):
        super().__init__(weight)
        check_above_zero(gamma=gamma, margin=margin, clip_frames=clip_frames)
        check_not_negative(alpha=alpha, sigma=sigma)
        check_choice('weighting', weighting, WEIGHTINGS)
        self.gamma = gamma
        self.alpha = alpha
        self.sigma = sigma
        self.margin = margin
        self.weighting = weighting
        self.clip_frames = clip_frames

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every pair, ``(B,)``, which may be negative."""
        with full_precision(view1.values, view2.values) as (z1, z2):
            z1 = frame_directions(z1, view1.mask)
            z2 = frame_directions(z2, view2.mask)
            cost = soft_dtw(
                squared_distance(z1, z2), view1.mask, view2.mask, self.gamma
            )
            cost = cost / ((view1.lengths + view2.lengths) / 2)
            moment = self._moment(z1, view1) + self._moment(z2, view2)
        self.logged = dict(
            soft_dtw=cost.detach(), contrastive_idm=moment.detach()
        )
        return cost + self.alpha * self.clip_frames * moment

    def _moment(self, z: Tensor, view: SequenceBatch) -> Tensor:
        return contrastive_idm(
            squared_distance(z, z),
            view,
            self.sigma,
            self.margin,
            self.weighting,
        )
