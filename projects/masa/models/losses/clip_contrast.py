from torch import Tensor

from ...registry import MODELS
from ...structures import SequenceBatch
from ...support.argument_checks import check_above_zero
from ..layers import frame_directions, sequence_directions
from .alignment_loss import AlignmentLoss
from .matching_loss import masked_mean
from .precision import full_precision


def clip_contrast(
    view1: SequenceBatch, view2: SequenceBatch, temperature: float = 0.1
) -> Tensor:
    """Classify every frame as one of the sequences of the batch.

    With ``z`` L2-normalized and ``c_b`` the L2-normalized mean of the frames
    of sequence b in the other view, the loss of sequence b is the cross
    entropy, averaged over its frames t and then over both directions::

        L_b = mean_t -log softmax_b'(z_t c_b' / temperature)[b]

    which is InfoNCE (van den Oord et al., 2018) between frames and clips. It
    needs no label: what sequences are most easily told apart by is what is
    done in them.

    Args:
        view1 (SequenceBatch): Embeddings of the first view, ``(B, M, D)``;
            one frame at least in every row.
        view2 (SequenceBatch): Of the second, ``(B, N, D)``.
        temperature (float): Above 0. Defaults to 0.1.

    Returns:
        Tensor: L of each sequence, ``(B,)``, not negative; 0 for a batch of
        one.
    """
    with full_precision(view1.values, view2.values) as (z1, z2):
        z1 = frame_directions(z1, view1.mask)
        z2 = frame_directions(z2, view2.mask)
        return (
            _search(z1, z2, view1.mask, temperature)
            + _search(z2, z1, view2.mask, temperature)
        ) / 2


def _search(
    frames: Tensor, others: Tensor, mask: Tensor, temperature: float
) -> Tensor:
    """Average the cross entropy of the frames of one view.

    Args:
        frames (Tensor): Normalized, ``(B, M, D)``, zero in the padding.
        others (Tensor): Of the other view, ``(B, N, D)``.
        mask (Tensor): Existing frames, ``(B, M)``, bool.
        temperature (float): Above 0.

    Returns:
        Tensor: ``(B,)``.
    """
    clips = sequence_directions(others)
    logits = frames @ clips.T / temperature  # (B, M, B)
    own = logits.log_softmax(-1).diagonal(dim1=0, dim2=2)  # (M, B)
    return masked_mean(-own.T, mask)


@MODELS.register_module()
class ClipContrastiveLoss(AlignmentLoss):
    """Clip-level InfoNCE: which sequence of the batch is a frame of?

    See :func:`clip_contrast`. In training with several processes the
    sequences are those of a process.

    Args:
        temperature (float): Of the softmax, above 0. Defaults to 0.1.
        weight (float): See :class:`AlignmentLoss`. Defaults to 1.0.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> import torch
        >>> view = SequenceBatch.from_sequences(
        ...     [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]
        ... )
        >>> print(ClipContrastiveLoss(temperature=1.0)(view, view))
        tensor([0.3133, 0.3133])
    """

    log_name = 'clip_entropy'

    def __init__(self, temperature: float = 0.1, weight: float = 1.0):
        super().__init__(weight)
        check_above_zero(temperature=temperature)
        self.temperature = temperature

    def forward(self, view1: SequenceBatch, view2: SequenceBatch) -> Tensor:
        """Compute :func:`clip_contrast`, ``(B,)``."""
        return clip_contrast(view1, view2, self.temperature)
