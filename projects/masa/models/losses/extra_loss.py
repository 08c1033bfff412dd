from abc import ABC, abstractmethod

from torch import Tensor, nn

from ...structures import SequenceBatch
from ...support.argument_checks import check_not_negative


class ExtraLoss(nn.Module, ABC):
    """Base of the losses that a head adds to its own.

    Args:
        weight (float): That a head gives to the loss, not negative.

    Raises:
        ValueError: If ``weight`` is negative.

    Attributes:
        log_name (str): What a head logs the loss as.
    """

    log_name: str

    def __init__(self, weight: float):
        super().__init__()
        check_not_negative(weight=weight)
        self.weight = weight

    @abstractmethod
    def forward(
        self,
        z1: Tensor,
        z2: Tensor,
        view1: SequenceBatch,
        view2: SequenceBatch,
    ) -> Tensor:
        """Compute the loss of every sequence.

        Args:
            z1 (Tensor): Embeddings of the first view, ``(B, M, D)``.
            z2 (Tensor): Of the second, ``(B, N, D)``.
            view1 (SequenceBatch): What ``z1`` are the embeddings of.
            view2 (SequenceBatch): What ``z2`` are the embeddings of.

        Returns:
            Tensor: ``(B,)``, not negative, without ``weight``.
        """
