from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero
from ..losses.sequence_contrastive import sequence_contrast
from .alignment_head import AlignmentHead


@MODELS.register_module()
class CARLHead(AlignmentHead):
    """Sequence contrastive loss of CARL (Chen et al., CVPR 2022).

    *Frame-wise Action Representations for Long Videos via Sequence
    Contrastive Learning*, M. Chen, F. Wei, C. Li, D. Cai. Two augmented views
    of one sequence; every frame of one is to resemble the frames of the
    other by a Gaussian of their distance in time
    (:func:`~masa.models.losses.sequence_contrastive.sequence_contrast`).
    It needs no label and no partner.

    Decided here, or other than in the published code:

    - Time is the index of the original frame, as there. The code rescales
      one view's time by the ratio of the two lengths, which is 1 for views
      of one sequence; so will the views be expected here.
    - The divergence is exact. The code adds 1e-6 to every probability.
    - Negatives are the frames of the other view, its default
      (``single_noself``).
    - The projection is a neck of two layers, Linear, BatchNorm, ReLU,
      Linear, of the embedding's width. :class:`ProjectionNeck` normalises
      after the last layer, too; configs/_base_/methods/carl.py takes it with
      ``num_layers=2``.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1 (the
            code's).
        variance (float): Of the Gaussian of distances in time, in squared
            frames, above 0. Defaults to 10 (the code's).
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If ``temperature`` or ``variance`` is not above 0.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        variance: float = 10.0,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_above_zero(temperature=temperature, variance=variance)
        self.temperature = temperature
        self.variance = variance

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of every pair of views.

        Args:
            z1 (Tensor): Projections of the first view, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): The first view.
            view2 (SequenceBatch): The second view of the same sequences.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``, and
            nothing to log.
        """
        losses = sequence_contrast(
            z1,
            z2,
            view1.frame_index,
            view2.frame_index,
            view1.mask,
            view2.mask,
            self.temperature,
            self.variance,
        )
        return losses, {}
