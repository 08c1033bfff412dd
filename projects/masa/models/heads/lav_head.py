from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero, check_not_negative
from ..layers import frame_directions
from ..losses.contrastive_idm import WEIGHTINGS, contrastive_idm
from ..losses.precision import full_precision
from ..losses.soft_dtw import soft_dtw
from .alignment_head import AlignmentHead


@MODELS.register_module()
class LAVHead(AlignmentHead):
    """Learning by aligning videos in time (Haresh et al., CVPR 2021).

    The soft-DTW cost of a pair of sequences of one activity, and a
    regularisation I within each (Contrastive-IDM,
    :func:`~masa.models.losses.contrastive_idm.contrastive_idm`) that keeps
    embeddings from collapse, with squared distances of L2-normalised
    embeddings in both:

    .. code-block:: none

        L = softDTW_gamma(X, Y) / ((M + N) / 2)
            + alpha * clip_frames * (I(X) + I(Y))

    What is different here, or had to be decided:

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
    - Normalisation is part of the loss; what is evaluated are the encoder's
      embeddings as they are, like all other methods'.

    Args:
        gamma (float): Softness of soft-DTW, above 0. Defaults to 0.1 (LAV).
        alpha (float): Weight of the regularisation, not negative. Defaults
            to 0.5 (LAV's code).
        sigma (float): How many original frames apart two frames are near,
            not negative. Defaults to 10 (LAV's code).
        margin (float): Squared distance that far frames are kept at; 2 is
            that of orthogonal embeddings, 4 of opposite ones. Above 0.
            Defaults to 2 (LAV).
        weighting (str): ``'code'`` or ``'paper'``. Defaults to ``'code'``.
        clip_frames (float): Frames of a clip that ``alpha`` was made for,
            above 0. Defaults to 20 (LAV).
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        gamma: float = 0.1,
        alpha: float = 0.5,
        sigma: float = 10.0,
        margin: float = 2.0,
        weighting: str = 'code',
        clip_frames: float = 20,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_above_zero(gamma=gamma, margin=margin, clip_frames=clip_frames)
        check_not_negative(alpha=alpha, sigma=sigma)
        if weighting not in WEIGHTINGS:
            raise ValueError(
                f'weighting is expected to be one of {WEIGHTINGS}, '
                f'but got {weighting!r}'
            )
        self.gamma = gamma
        self.alpha = alpha
        self.sigma = sigma
        self.margin = margin
        self.weighting = weighting
        self.clip_frames = clip_frames

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair.

        Args:
            z1 (Tensor): Embeddings of the sequences, ``(B, M, D)``.
            z2 (Tensor): Of their partners, ``(B, N, D)``.
            view1 (SequenceBatch): The sequences.
            view2 (SequenceBatch): The partners.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, which may
            be negative; logged are ``soft_dtw``, per frame, and
            ``contrastive_idm``, ``I(X) + I(Y)`` as a mean over pairs.
        """
        with full_precision(z1, z2) as (z1, z2):
            z1 = frame_directions(z1, view1.mask)
            z2 = frame_directions(z2, view2.mask)
            cost = soft_dtw(
                squared_distance(z1, z2), view1.mask, view2.mask, self.gamma
            )
            cost = cost / ((view1.lengths + view2.lengths) / 2)
            moment = self._moment(z1, view1) + self._moment(z2, view2)
        losses = cost + self.alpha * self.clip_frames * moment
        return losses, dict(soft_dtw=cost, contrastive_idm=moment)

    def _moment(self, z: Tensor, view: SequenceBatch) -> Tensor:
        return contrastive_idm(
            squared_distance(z, z),
            view.frame_index,
            view.num_frames,
            view.mask,
            self.sigma,
            self.margin,
            self.weighting,
        )


def squared_distance(unit1: Tensor, unit2: Tensor) -> Tensor:
    """Take the squared distances of normalised frames.

    Args:
        unit1 (Tensor): ``(B, M, D)``, of length 1.
        unit2 (Tensor): ``(B, N, D)``, likewise.

    Returns:
        Tensor: ``2 - 2 cos``, ``(B, M, N)``; within rounding of [0, 4].
    """
    return 2 - 2 * (unit1 @ unit2.mT)
