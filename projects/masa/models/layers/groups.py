from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ...bucketing import bucket_sizes
from .transfer import to_device

# Few small groups cost more in calls than they save; on a GPU, which has done
# a call before the next one is issued, any second group does, but for very
# unequal lengths.
MAX_PADDING = 0.15
MAX_PADDING_GPU = 0.6


class AttentionGroups:
    """Attention of packed sequences, in groups of like length.

    A batch that is padded to its longest sequence spends most of its
    attention on padding, as the cost is quadratic. Here every group is padded
    to its own longest.

    Args:
        mask (Tensor): True at the frames that exist, ``(B, T)``, bool.
        partner (Sequence[int], optional): For cross attention, the row of
            the batch that each row attends to, B of them. None is self
            attention.
        lengths (Sequence[int], optional): Numbers of frames of the rows.
            Without them the host waits for the device to count the mask.
    """

    # Not compiled, as it would be anew for every batch: its lengths are the
    # shapes of the groups.
    @torch.compiler.disable
    def __init__(
        self,
        mask: Tensor,
        partner: Sequence[int] | None = None,
        lengths: Sequence[int] | None = None,
    ):
        if lengths is None:
            lengths = mask.sum(1).tolist()
        lengths = np.array(lengths)
        keys = np.arange(len(lengths)) if partner is None else partner
        keys = np.asarray(keys)
        longest = np.maximum(lengths, lengths[keys])
        order = np.argsort(-longest, kind='stable')
        max_padding = MAX_PADDING if mask.is_cpu else MAX_PADDING_GPU
        sizes = bucket_sizes(longest[order], len(order), max_padding)
        starts = lengths.cumsum() - lengths
        queries, all_keys, self.shapes, self.key_masks = [], [], [], []
        place = np.empty(lengths.sum(), dtype=np.int64)
        offset = 0
        for group in np.split(order, np.cumsum(sizes)[:-1]):
            partners = keys[group]
            query, exists = _places(starts[group], lengths[group])
            key, key_mask = _places(starts[partners], lengths[partners])
            place[query[exists]] = offset + np.flatnonzero(exists)
            offset += query.size
            queries.append(query.ravel())
            all_keys.append(key.ravel())
            self.shapes.append((*query.shape, key.shape[1]))
            self.key_masks.append(
                None if key_mask.all() else to_device(key_mask, mask.device)
            )
        self.query, self.key, self.place = (
            to_device(array, mask.device)
            for array in (
                np.concatenate(queries),
                np.concatenate(all_keys),
                place,
            )
        )

    @torch.compiler.disable
    def attend(
        self, function: Callable, query: Tensor, key_value: Tensor
    ) -> Tensor:
        """Let every frame attend to the frames of its partner.

        Args:
            function (Callable): Attention of ``(n, H, M, C)`` queries,
                ``(n, H, N, C)`` keys and values, and an ``(n, N)`` key mask
                or None.
            query (Tensor): Packed, ``(F, H, C)``.
            key_value (Tensor): Packed keys and values, ``(F, 2, H, C)``.

        Returns:
            Tensor: Packed, ``(F, H, C)``.
        """
        # Gathered for all groups at once, or else each would send a gradient
        # as large as the batch.
        queries = query.index_select(0, self.query).split(
            [rows * length for rows, length, _ in self.shapes]
        )
        keys_values = key_value.index_select(0, self.key).split(
            [rows * length for rows, _, length in self.shapes]
        )
        messages = []
        for (rows, _, _), query, key_value, key_mask in zip(
            self.shapes, queries, keys_values, self.key_masks, strict=True
        ):
            key, value = key_value.unflatten(0, (rows, -1)).unbind(2)
            message = function(
                query.unflatten(0, (rows, -1)).transpose(1, 2),
                key.transpose(1, 2),
                value.transpose(1, 2),
                key_mask,
            )
            messages.append(message.transpose(1, 2).flatten(0, 1))
        return torch.cat(messages).index_select(0, self.place)


def _places(
    starts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lay packed sequences out as rows.

    Args:
        starts (np.ndarray): Where each begins among the frames, ``(n,)``.
        lengths (np.ndarray): Numbers of frames, ``(n,)``.

    Returns:
        tuple[np.ndarray, np.ndarray]: Which frame is in each place, and 0
        in the padding, where nothing reads it; and where a frame is. Both
        ``(n, L)``.
    """
    steps = np.arange(lengths.max())
    exists = steps < lengths[:, None]
    return np.where(exists, starts[:, None] + steps, 0), exists
