import torch
import torch.nn.functional as F
from torch import Tensor


def frame_directions(frames: Tensor, mask: Tensor) -> Tensor:
    """L2-normalize the embeddings of the frames that exist.

    Args:
        frames (Tensor): ``(B, T, D)``. The padding may hold anything.
        mask (Tensor): Existing frames, ``(B, T)``, bool.

    Returns:
        Tensor: ``(B, T, D)``, of norm 1; zero for frames of zeros and in
        the padding, which gets no gradient.

    Example:
        >>> frames = torch.tensor([[[3.0, 4.0], [5.0, 5.0]]])
        >>> frame_directions(frames, torch.tensor([[True, False]]))
        tensor([[[0.6000, 0.8000],
                 [0.0000, 0.0000]]])
    """
    return F.normalize(torch.where(mask[..., None], frames, 0), dim=-1)


def sequence_directions(directions: Tensor) -> Tensor:
    """Average the embeddings of every sequence and L2-normalize the mean.

    Args:
        directions (Tensor): What :func:`frame_directions` returned,
            ``(B, T, D)``.

    Returns:
        Tensor: ``(B, D)``, of norm 1; zero where the frames cancel out.

    Example:
        >>> sequence_directions(torch.tensor([[[0.6, 0.8], [0.6, -0.8]]]))
        tensor([[1., 0.]])
    """
    return F.normalize(directions.sum(1), dim=-1)
