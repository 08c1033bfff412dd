import torch
import torch.nn.functional as F
from torch import Tensor


def frame_directions(frames: Tensor, mask: Tensor) -> Tensor:
    """Normalise the frames that exist.

    Args:
        frames (Tensor): ``(B, T, D)``. The padding may hold anything.
        mask (Tensor): Existing frames, ``(B, T)``, bool.

    Returns:
        Tensor: ``(B, T, D)``, of length 1; zero for frames of zeros and in
        the padding, which gets no gradient.
    """
    return F.normalize(torch.where(mask[..., None], frames, 0), dim=-1)


def sequence_directions(directions: Tensor) -> Tensor:
    """Give every sequence the direction of the mean of its frames'.

    Args:
        directions (Tensor): Of :func:`frame_directions`, ``(B, T, D)``.

    Returns:
        Tensor: ``(B, D)``, of length 1; zero where the frames cancel out.
    """
    return F.normalize(directions.sum(1), dim=-1)
