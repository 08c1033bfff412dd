from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .groups import AttentionGroups
from .transfer import to_device


class FramePacking:
    """Pack the existing frames of a padded batch side by side, and unpack.

    Layers that treat every frame by itself (linear layers, normalization)
    run on the packed frames, so that padding costs nothing there and does
    not enter batch statistics.

    ``benchmarks/length_groups.py`` measures what this and the length groups
    of attention save.

    Args:
        mask (Tensor): True at the frames that exist, ``(B, T)``, bool.
        lengths (Sequence[int], optional): Numbers of frames of the rows,
            which come first in each. Without them the mask is copied to the
            host, which synchronizes GPU and CPU.
        paired (bool): Whether rows ``i`` and ``B / 2 + i`` are the two views
            of one sequence, which cross attention lets attend to each other.
            Defaults to False: a sequence takes the place of both views.

    Attributes:
        lengths (np.ndarray): Numbers of frames of the rows, ``(B,)``.

    Example:
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> packing = FramePacking(mask)
        >>> packing.pack(torch.tensor([[1, 2, 3], [4, 0, 0]]))
        tensor([1, 2, 3, 4])
    """

    # Not compiled: it runs on the host.
    @torch.compiler.disable
    def __init__(
        self,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
        paired: bool = False,
    ):
        self.shape = tuple(mask.shape)
        self.paired = paired
        if lengths is None:
            exists = mask.cpu().numpy()
        else:
            exists = np.arange(self.shape[1]) < np.array(lengths)[:, None]
        self.lengths = exists.sum(1)
        frames = np.flatnonzero(exists)
        self.is_dense = len(frames) == exists.size
        self.frames = to_device(frames, mask.device)
        self._groups: dict[bool, AttentionGroups] = {}

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
        """Put frames back in their places, and zeros into the padding.

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

    def groups(self, cross: bool = False) -> AttentionGroups:
        """Return the length groups of attention, made at the first call.

        Args:
            cross (bool): Whether frames attend to the other view of their
                sequence. Defaults to False: to their own sequence.

        Returns:
            AttentionGroups: The groups.
        """
        paired = cross and self.paired
        if paired not in self._groups:
            self._groups[paired] = AttentionGroups(
                self.lengths, self.frames.device, paired
            )
        return self._groups[paired]
