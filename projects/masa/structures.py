from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


class SequenceBatch(NamedTuple):
    """One view of a batch of sequences, padded to a common length.

    The encoder takes it with frames as ``values``, a loss with embeddings.

    Attributes:
        values (Tensor): Input frames or their embeddings, ``(B, T, D)``.
            Nothing reads the padding.
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
        labels (Tensor, optional): Class of each frame, ``(B, T)``, int64,
            negative where it is unknown. Only supervised losses read it.
        timeline (Tensor, optional): Ground truth: the place of each frame on
            the timeline of its activity, ``(B, T, 2)``; see
            :class:`~masa.datasets.random_activities.RandomActivityDataset`.
            Only losses that know the ground truth read it.

    Example:
        >>> view = SequenceBatch.from_sequences(
        ...     [torch.zeros(3, 8), torch.zeros(5, 8)]
        ... )
        >>> view.values.shape, view.lengths.tolist()
        (torch.Size([2, 5, 8]), [3, 5])
    """

    values: Tensor
    mask: Tensor
    frame_index: Tensor
    num_frames: Tensor
    host_lengths: tuple[int, ...] | None = None
    labels: Tensor | None = None
    timeline: Tensor | None = None

    @classmethod
    def from_sequences(
        cls,
        sequences: Sequence[Tensor],
        frame_index: Sequence[Tensor] | None = None,
        num_frames: Sequence[int] | None = None,
    ) -> 'SequenceBatch':
        """Pad sequences to a batch.

        Args:
            sequences (Sequence[Tensor]): Frames or embeddings of each
                sequence, ``(T_i, D)``.
            frame_index (Sequence[Tensor], optional): Where each frame stood
                in its original sequence, ``(T_i,)``, increasing. Defaults to
                0, 1, 2, ...: the sequences are complete.
            num_frames (Sequence[int], optional): Lengths of the original
                sequences. Defaults to ``frame_index[-1] + 1``.

        Returns:
            SequenceBatch: On the device of the sequences.
        """
        values = pad_sequence(list(sequences), batch_first=True)
        lengths = tuple(map(len, sequences))
        if frame_index is None:
            frame_index = [torch.arange(length) for length in lengths]
        index = pad_sequence(list(frame_index), batch_first=True)
        if num_frames is None:
            num_frames = [int(one[-1]) + 1 for one in frame_index]
        device = values.device
        return cls(
            values,
            length_mask(torch.tensor(lengths, device=device), values.shape[1]),
            index.to(device),
            torch.tensor(num_frames, device=device),
            lengths,
        )

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
