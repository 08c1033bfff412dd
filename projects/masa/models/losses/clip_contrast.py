from torch import Tensor

from ..layers import frame_directions, sequence_directions
from .matching_loss import masked_mean
from .precision import full_precision


def clip_contrast(
    z1: Tensor,
    z2: Tensor,
    mask1: Tensor,
    mask2: Tensor,
    temperature: float = 0.1,
) -> Tensor:
    """Let every frame find its own sequence among those of the batch.

    With ``z`` normalised and ``c_b`` the direction of the mean of the frames
    of sequence b in the other view, the loss of sequence b is the cross
    entropy, averaged over its frames t and then over both directions::

        L_b = mean_t -log softmax_b'(z_t c_b' / temperature)[b]

    which is InfoNCE (van den Oord et al., 2018) between frames and clips. It
    needs no label: what sequences are most easily told apart by is what is
    done in them.

    Args:
        z1 (Tensor): Embeddings of the first view, ``(B, M, D)``.
        z2 (Tensor): Of the second, ``(B, N, D)``.
        mask1 (Tensor): Existing frames of the first view, ``(B, M)``, bool;
            one at least in every row.
        mask2 (Tensor): Of the second, ``(B, N)``.
        temperature (float): Above 0. Defaults to 0.1.

    Returns:
        Tensor: L of each sequence, ``(B,)``, not negative; 0 for a batch of
        one.
    """
    with full_precision(z1, z2) as (z1, z2):
        z1 = frame_directions(z1, mask1)
        z2 = frame_directions(z2, mask2)
        return (
            _search(z1, z2, mask1, temperature)
            + _search(z2, z1, mask2, temperature)
        ) / 2


def _search(
    frames: Tensor, others: Tensor, mask: Tensor, temperature: float
) -> Tensor:
    """Average how badly the frames of one view find the clips of the other.

    Args:
        frames (Tensor): Normalised, ``(B, M, D)``, zero in the padding.
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
