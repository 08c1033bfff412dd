from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...bucketing import bucket_sizes
from .transfer import to_device

# Splitting a batch into groups saves attention FLOPs but adds kernel
# launches. On a GPU launch overhead dominates, so a group is split there only
# when its lengths differ a lot.
MAX_PADDING = 0.15
MAX_PADDING_GPU = 0.6


class AttentionGroups:
    """Split the attention of packed sequences into groups of similar length.

    The cost of attention is quadratic, so a batch that is padded to its
    longest sequence spends most of it on padding. Here every group is padded
    to its own longest sequence. The result is that of attention with a key
    mask on the padded batch.

    ``benchmarks/length_groups.py`` isolates what this saves; its docstring
    has the numbers.

    Args:
        lengths (np.ndarray): Number of frames of each sequence, ``(B,)``,
            each 1 or more.
        device (torch.device): Device of the frames.
        paired (bool): For cross attention: sequences ``i`` and ``B / 2 + i``
            are the two views of one, and attend to each other. Defaults to
            False, self attention.
    """

    def __init__(
        self, lengths: np.ndarray, device: torch.device, paired: bool = False
    ):
        source = np.arange(len(lengths))
        if paired:
            source = np.roll(source, len(lengths) // 2)
        longest = np.maximum(lengths, lengths[source])
        order = np.argsort(-longest, kind='stable')
        max_padding = MAX_PADDING if device.type == 'cpu' else MAX_PADDING_GPU
        sizes = bucket_sizes(longest[order], len(order), max_padding)
        starts = lengths.cumsum() - lengths
        queries, keys, self.shapes, self.key_masks = [], [], [], []
        place = np.empty(lengths.sum(), dtype=np.int64)
        offset = 0
        for rows in np.split(order, np.cumsum(sizes)[:-1]):
            query, exists = _pad_rows(starts[rows], lengths[rows])
            key, key_mask = _pad_rows(
                starts[source[rows]], lengths[source[rows]]
            )
            place[query[exists]] = offset + np.flatnonzero(exists)
            offset += query.size
            queries.append(query.ravel())
            keys.append(key.ravel())
            self.shapes.append((*query.shape, key.shape[1]))
            self.key_masks.append(
                None if key_mask.all() else to_device(key_mask, device)
            )
        self.query, self.key, self.place = (
            to_device(array, device)
            for array in (np.concatenate(queries), np.concatenate(keys), place)
        )

    def attend(
        self, attention: Callable, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Let every frame attend to the frames of its source sequence.

        Args:
            attention (Callable): Attention of ``(n, H, M, C)`` queries,
                ``(n, H, N, C)`` keys and values, and an ``(n, N)`` key mask
                or None.
            query (Tensor): Packed, ``(F, H, C)``.
            key (Tensor): Likewise.
            value (Tensor): Likewise.

        Returns:
            Tensor: Packed, ``(F, H, C)``.
        """
        query_frames = [rows * length for rows, length, _ in self.shapes]
        key_frames = [rows * length for rows, _, length in self.shapes]
        # Gathered for all groups at once: otherwise the backward pass of
        # every group would make a gradient as large as the batch.
        padded = zip(
            query.index_select(0, self.query).split(query_frames),
            key.index_select(0, self.key).split(key_frames),
            value.index_select(0, self.key).split(key_frames),
            strict=True,
        )
        messages = []
        for tensors, (rows, _, _), key_mask in zip(
            padded, self.shapes, self.key_masks, strict=True
        ):
            heads_first = (
                tensor.unflatten(0, (rows, -1)).transpose(1, 2)
                for tensor in tensors
            )
            message = attention(*heads_first, key_mask)
            messages.append(message.transpose(1, 2).flatten(0, 1))
        return torch.cat(messages).index_select(0, self.place)


def _pad_rows(
    starts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Index packed sequences as the rows of a padded batch.

    Args:
        starts (np.ndarray): Index of the first frame of each sequence among
            the packed frames, ``(n,)``.
        lengths (np.ndarray): Numbers of frames, ``(n,)``.

    Returns:
        tuple[np.ndarray, np.ndarray]: Index of the frame in each place, 0 in
        the padding, ``(n, L)``; and the mask of existing frames, ``(n, L)``.
    """
    steps = np.arange(lengths.max())
    exists = steps < lengths[:, None]
    return np.where(exists, starts[:, None] + steps, 0), exists
