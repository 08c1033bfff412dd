from abc import ABC, abstractmethod

from mmengine.model import BaseModule
from torch import Tensor

from ...structures import SequenceBatch
from ...support.argument_checks import check_not_negative


class AlignmentLoss(BaseModule, ABC):
    """Base of all losses: ``loss(view1, view2)`` is one number per sequence.

    Row i of the first view and row i of the second belong together: two
    augmented views of one sequence, or, where the dataset draws partners
    (``partner='activity'`` of :class:`~masa.datasets.SequenceDataset`), two
    sequences of one activity. A head combines losses and averages over the
    batch.

    Args:
        weight (float): Factor of the loss in a head's ``extra_losses``, not
            negative; the factor of a head's main loss is always 1. Defaults
            to 1.0.

    Raises:
        ValueError: If ``weight`` is negative.
        TypeError: If the class has no valid ``log_name``.

    Attributes:
        log_name (str): What a head logs the loss as. It must not contain
            "loss", as MMEngine adds up everything that does.
        logged (dict[str, Tensor]): What the latest call measured beside the
            loss, without gradient, for a head to log.
    """

    log_name: str

    def __init__(self, weight: float = 1.0):
        super().__init__()
        check_not_negative(weight=weight)
        name = getattr(self, 'log_name', '')
        if not name or 'loss' in name:
            raise TypeError(
                f'{type(self).__name__}.log_name is expected to be a name '
                f"without 'loss' in it, but got {name!r}"
            )
        self.weight = weight
        self.logged: dict[str, Tensor] = {}

    @abstractmethod
    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence.

        Args:
            view1 (SequenceBatch): Embeddings of the first view,
                ``(B, M, D)``, which may be in half precision.
            view2 (SequenceBatch): Of the second, ``(B, N, D)``.

        Returns:
            Tensor: ``(B,)``, float32 or wider, without ``weight``.
        """
