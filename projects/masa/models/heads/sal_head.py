from collections.abc import Sequence

from mmaction.structures import ActionDataSample
from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_one_or_more
from ..layers import build_mlp
from ..losses.shuffle_order import (
    draw_triplets,
    gather_triplets,
    order_loss,
)
from .alignment_head import AlignmentHead


@MODELS.register_module()
class SaLHead(AlignmentHead):
    """Shuffle and Learn (Misra, Zitnick and Hebert, ECCV 2016).

    An MLP sees the embeddings of three frames of a sequence side by side and
    tells whether they are in order (:func:`draw_triplets` says which are),
    ``L = CE(MLP([z_a; z_b; z_c]), in order)``, averaged over the triplets of
    a sequence. It has no partner: each of the two batches is treated alone,
    and the two losses are averaged. After training the MLP is not used.

    The numbers are those of TCC's reimplementation (Dwibedi et al., CVPR
    2019), which the tables of this field report: 8 triplets a sequence, 75%
    of them shuffled. What had to be decided, or differs:

    - The paper draws frames from windows of much motion, by optical flow,
      with bounds on their distances; TCC draws from 20 frames of the video;
      here every frame of the view may be drawn.
    - A sequence of fewer than five frames contributes 0.

    Args:
        in_channels (int): Width D of the embeddings.
        hidden_channels (Sequence[int]): Widths of the MLP's hidden layers.
            Defaults to ``(128, 64)`` (TCC's code).
        num_triplets (int): Triplets drawn from every sequence. Defaults to 8
            (TCC's code).
        shuffled_share (float): Probability that a triplet is shuffled, in
            [0, 1]. Defaults to 0.75 (TCC's code).
        init_cfg (dict, optional): How to initialise. Defaults to None,
            PyTorch's own.

    Raises:
        ValueError: If ``num_triplets`` is below 1, or ``shuffled_share``
            outside its range.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int] = (128, 64),
        num_triplets: int = 8,
        shuffled_share: float = 0.75,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(num_triplets=num_triplets)
        if not 0 <= shuffled_share <= 1:
            raise ValueError(
                'shuffled_share is expected to be in [0, 1], but got '
                f'{shuffled_share}'
            )
        self.in_channels = in_channels
        self.classifier = build_mlp((3 * in_channels, *hidden_channels, 2))
        self.num_triplets = num_triplets
        self.shuffled_share = shuffled_share

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
            ``order_accuracy``, which is the share of shuffled triplets for
            one who always says "shuffled".
        """
        batches = [
            self._order(z, view.mask) for z, view in ((z1, view1), (z2, view2))
        ]
        (losses1, right1), (losses2, right2) = batches
        return (losses1 + losses2) / 2, dict(
            order_accuracy=(right1 + right2) / 2
        )

    def _order(self, z: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The losses ``(B,)`` and the accuracy of one batch."""
        triplets, in_order, enough = draw_triplets(
            mask, self.num_triplets, self.shuffled_share
        )
        logits = self.classifier(gather_triplets(z, mask, triplets))
        right = (logits.argmax(-1) == in_order).float().mean(1)
        accuracy = (right * enough).sum() / enough.sum().clamp_min(1)
        return order_loss(logits, in_order, enough), accuracy.detach()
