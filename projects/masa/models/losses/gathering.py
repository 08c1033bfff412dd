import torch
from torch import Tensor

from ...structures import SequenceBatch


def gather_frames(view: SequenceBatch, positions: Tensor) -> Tensor:
    """Gather the embeddings of some frames of every sequence.

    Args:
        view (SequenceBatch): Embeddings, ``(B, T, D)``.
        positions (Tensor): Of the frames, ``(B, K)``, int64.

    Returns:
        Tensor: ``(B, K, D)``, zeros in place of padding.
    """
    values = view.values.masked_fill(~view.mask[..., None], 0)
    rows = torch.arange(len(values), device=values.device)[:, None]
    return values[rows, positions]
