import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_one_or_more
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .precision import full_precision


@MODELS.register_module()
class SupervisedLoss(AlignmentLoss):
    """Cross-entropy of a linear classifier of frames.

    No published method: the reference that self-supervised methods are
    compared with. A linear layer classifies every frame by its embedding,
    ``L = mean_t CE(W z_t + b, c_t)``, with c_t the frame's class in
    ``view.labels``. Frames of unknown (negative) class do not count. Each
    view is classified on its own, and the two losses are averaged.

    The loss logs ``phase_accuracy``, the accuracy over the frames of known
    class.

    Args:
        num_classes (int): Number of classes, 1 or more.
        embed_dims (int): Width D of the embeddings, 1 or more.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> view = SequenceBatch.from_sequences([torch.eye(3)])
        >>> view = view._replace(labels=torch.tensor([[0, 0, 1]]))
        >>> print(f'{SupervisedLoss(2, 3)(view, view).item():.3f}')
        0.556
    """

    log_name = 'phase_entropy'

    def __init__(self, num_classes: int, embed_dims: int, weight: float = 1.0):
        super().__init__(weight)
        check_one_or_more(num_classes=num_classes, embed_dims=embed_dims)
        self.classifier = nn.Linear(embed_dims, num_classes)

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute the loss of every sequence.

        Args:
            view1 (SequenceBatch): Embeddings and labels of the first view,
                ``(B, M, D)`` and ``(B, M)``.
            view2 (SequenceBatch): Of the second.

        Returns:
            Tensor: ``(B,)``, not negative; 0 for a sequence without any
            frame of known class.

        Raises:
            ValueError: If a view has no labels.
        """
        (losses1, accuracy1), (losses2, accuracy2) = (
            self._classify(view) for view in (view1, view2)
        )
        self.logged = dict(phase_accuracy=(accuracy1 + accuracy2) / 2)
        return (losses1 + losses2) / 2

    def _classify(self, view: SequenceBatch) -> tuple[Tensor, Tensor]:
        """Compute the losses ``(B,)`` and the accuracy of one view."""
        if view.labels is None:
            raise ValueError(
                'SupervisedLoss is expected to get views with labels, but '
                f'got labels={view.labels}'
            )
        known = view.mask & (view.labels >= 0)
        target = view.labels.masked_fill(~known, -1)
        with full_precision(view.values) as (z,):
            logits = self.classifier(z.where(view.mask[..., None], 0))
            entropy = F.cross_entropy(
                logits.mT, target, ignore_index=-1, reduction='none'
            )
            right = logits.argmax(-1) == target
            accuracy = right.sum() / known.sum().clamp_min(1)
            return masked_mean(entropy, known), accuracy
