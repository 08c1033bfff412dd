from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_not_negative
from ..losses.time_contrastive import (
    draw_pairs,
    gather_frames,
    n_pairs_loss,
)
from .alignment_head import AlignmentHead


@MODELS.register_module()
class TCNHead(AlignmentHead):
    """Single-view time-contrastive network (Sermanet et al., ICRA 2018).

    A frame must be closer to one shortly before it than the others drawn
    from its sequence are: the n-pairs loss (:func:`n_pairs_loss`) over pairs
    of an anchor and a positive (:func:`draw_pairs`). It has no partner: each
    of the two batches is treated alone, and the two losses are averaged.

    The numbers are those of TCC's reimplementation (Dwibedi et al., CVPR
    2019), which the tables of this field report and which has n-pairs in
    place of the paper's triplets; without normalisation or temperature. What
    had to be decided, or differs:

    - The window is counted in original frames, so that a view that dropped
      every second frame has positives just as close.
    - TCC takes no anchor from the first ``window`` frames; here these have
      fewer positives to choose from.
    - A sequence with fewer than two pairs contributes 0.

    Args:
        num_pairs (int): Anchors drawn from every sequence, or as many as
            there are. Defaults to 10, as of TCC's 20 frames half are
            positives.
        window (int): Greatest distance of a positive before its anchor, in
            original frames, 1 or more. Defaults to 5 (TCC's code).
        regularization (float): Weight of the squared norms, not negative.
            Defaults to 0.002 (TCC's code, TensorFlow's default).
        init_cfg (dict, optional): How to initialise. Defaults to None.

    Raises:
        ValueError: If ``num_pairs`` is below 2, ``window`` below 1, or
            ``regularization`` negative.
    """

    def __init__(
        self,
        num_pairs: int = 10,
        window: int = 5,
        regularization: float = 0.002,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        if num_pairs < 2:
            raise ValueError(
                f'num_pairs is expected to be 2 or more, but got {num_pairs}'
            )
        if window < 1:
            raise ValueError(
                f'window is expected to be 1 frame or more, but got {window}'
            )
        check_not_negative(regularization=regularization)
        self.num_pairs = num_pairs
        self.window = window
        self.regularization = regularization

    def compute_losses(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
        data_samples: Sequence[ActionDataSample] | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of both batches, each alone.

        Args:
            z1 (Tensor): Embeddings of the first batch, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): The first batch.
            view2 (SequenceBatch): The second batch.
            data_samples (Sequence[ActionDataSample], optional): Not used.

        Returns:
            tuple[Tensor, dict[str, Tensor]]: The losses, ``(B,)``; logged is
            ``pair_accuracy``, the share of anchors whose own positive has
            the largest product.
        """
        (losses1, right1), (losses2, right2) = (
            self._contrast(z, view) for z, view in ((z1, view1), (z2, view2))
        )
        return (losses1 + losses2) / 2, dict(
            pair_accuracy=(right1 + right2) / 2
        )

    def _contrast(
        self, z: Tensor, view: SequenceBatch
    ) -> tuple[Tensor, Tensor]:
        """The losses ``(B,)`` and the accuracy of one batch."""
        anchors, positives, exists = draw_pairs(
            view.frame_index, view.mask, self.num_pairs, self.window
        )
        return n_pairs_loss(
            gather_frames(z, view.mask, anchors),
            gather_frames(z, view.mask, positives),
            exists,
            self.regularization,
        )
