from typing import NamedTuple

import torch
from torch import Tensor


class SequenceBatch(NamedTuple):
    """One view of a batch of sequences, padded to a common length.

    Attributes:
        values (Tensor): Per-frame vectors, ``(B, T, D)``. Padding holds
            zeros, which nothing reads.
        mask (Tensor): True at the frames that exist, ``(B, T)``, bool. The
            frames of a sequence come first, its padding last.
        frame_index (Tensor): Where each frame stood in its original
            sequence, ``(B, T)``, int64, strictly increasing over the frames
            that exist.
        num_frames (Tensor): Length of each original sequence, ``(B,)``,
            int64. A view may hold fewer frames.
        host_lengths (tuple[int, ...], optional): ``lengths`` as plain
            numbers, so that nobody has to wait for the device to know them.
            None where they are not known without it.
    """

    values: Tensor
    mask: Tensor
    frame_index: Tensor
    num_frames: Tensor
    host_lengths: tuple[int, ...] | None = None

    @property
    def lengths(self) -> Tensor:
        """Tensor: Number of frames of each view, ``(B,)``, int64."""
        return self.mask.sum(1)

    def relative_time(self, dtype: torch.dtype) -> Tensor:
        """Say where each frame stood, as a share of the original length.

        Args:
            dtype (torch.dtype): Of the result, floating point.

        Returns:
            Tensor: ``frame_index / num_frames``, ``(B, T)``, in [0, 1) at
            the frames that exist.
        """
        return self.frame_index.to(dtype) / self.num_frames[:, None]


def length_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Return the mask of sequences that are padded at their end.

    Args:
        lengths (Tensor): Number of frames of each sequence, ``(B,)``.
        max_length (int): Length ``T`` that they are padded to.

    Returns:
        Tensor: ``(B, T)``, bool, True at the frames that exist.
    """
    steps = torch.arange(max_length, device=lengths.device)
    return steps < lengths[:, None]
