from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .transfer import to_device


class FramePacking:
    """Moves a padded batch to its existing frames side by side, and back.

    Whatever treats every frame alone (linear layers, normalisation) runs on
    the packed frames, so that padding costs nothing there and batch
    statistics cannot see it.

    Args:
        mask (Tensor): True at the frames that exist, ``(B, T)``, bool.
        lengths (Sequence[int], optional): Numbers of frames of the rows,
            which come first in each. Without them the host waits for the
            device to look at the mask.
    """

    # Not compiled: it runs on the host.
    @torch.compiler.disable
    def __init__(self, mask: Tensor, lengths: Sequence[int] | None = None):
        self.shape = tuple(mask.shape)
        if lengths is None:
            exists = mask.cpu().numpy()
        else:
            exists = np.arange(self.shape[1]) < np.array(lengths)[:, None]
        frames = np.flatnonzero(exists)
        self.is_dense = len(frames) == exists.size
        self.frames = to_device(frames, mask.device)

    def pack(self, padded: Tensor) -> Tensor:
        """Drop the padding.

        Args:
            padded (Tensor): ``(B, T, ...)``.

        Returns:
            Tensor: ``(F, ...)``, the F existing frames of all sequences.
        """
        flat = padded.flatten(0, 1)
        return flat if self.is_dense else flat.index_select(0, self.frames)

    def unpack(self, packed: Tensor) -> Tensor:
        """Put frames back in their places, zeros into the padding.

        Args:
            packed (Tensor): ``(F, ...)``.

        Returns:
            Tensor: ``(B, T, ...)``.
        """
        if self.is_dense:
            return packed.unflatten(0, self.shape)
        batch, length = self.shape
        flat = packed.new_zeros(batch * length, *packed.shape[1:])
        return flat.index_copy(0, self.frames, packed).unflatten(0, self.shape)
