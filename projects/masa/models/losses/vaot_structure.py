import torch
from torch import Tensor

from .optimal_transport import add_virtual_frame


def near_frames(
    frame_index: Tensor, mask: Tensor, num_frames: Tensor, radius: float
) -> Tensor:
    """Find the pairs of frames that are close in time.

    Args:
        frame_index (Tensor): ``(B, T)``, int64, increasing over the frames
            that exist.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        num_frames (Tensor): Lengths of the original sequences, ``(B,)``.
        radius (float): In shares of the length.

    Returns:
        Tensor: ``(B, T, T)``, bool: different frames that are at most
        ``radius`` apart, and those that follow each other in any case.
    """
    # 0.53 of 100 frames are 52.999996 in single precision.
    reach = (num_frames * radius + 1e-3).floor()[:, None, None]
    gap = (frame_index[:, :, None] - frame_index[:, None]).abs()
    position = torch.arange(mask.shape[1], device=mask.device)
    step = (position[:, None] - position).abs()
    near = ((gap <= reach) & (step > 0)) | (step == 1)
    return near & mask[:, :, None] & mask[:, None]


def vaot_structures(
    near1: Tensor, near2: Tensor, radius: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Build VAOT's structure matrices.

    ``A_ik = 1 / radius`` for frames of the first sequence that are near each
    other, else 0; ``B_jl = 0`` for frames of the second that are near each
    other, else 1. ``sum A_ik B_jl T_ij T_kl`` so is the price of taking
    frames that are near to frames that are not. A frame is not near itself:
    two frames that share their match pay, too. The virtual frame has no time
    and is near nothing.

    Args:
        near1 (Tensor): :func:`near_frames` of the first, ``(B, M, M)``.
        near2 (Tensor): Of the second, ``(B, N, N)``.
        radius (float): As in :func:`near_frames`, above 0.
        dtype (torch.dtype): Of the result.

    Returns:
        tuple[Tensor, Tensor]: A, ``(B, 1 + M, 1 + M)``, and B, ``(B, 1 + N,
        1 + N)``, the virtual frame first.
    """
    return (
        add_virtual_frame(near1.to(dtype), 0.0) / radius,
        1 - add_virtual_frame(near2.to(dtype), 0.0),
    )
