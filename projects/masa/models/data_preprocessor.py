from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..registry import MODELS
from ..structures import SequenceBatch, length_mask


@MODELS.register_module()
class SequenceDataPreprocessor(BaseDataPreprocessor):
    """Pads the sequences of a batch, makes their masks, moves both to device.

    MMAction2's own preprocessor pads without a mask. Here padding reaches
    only to the longest view of the batch, not of the data set, and every
    batch of values travels with its mask, and with its lengths as plain
    numbers. Data samples stay on the host, where they are read.

    Args:
        non_blocking (bool): Whether the host goes on while a batch is
            copied to the device. Defaults to True.
    """

    def __init__(self, non_blocking: bool = True):
        super().__init__(non_blocking)

    # Not compiled: it runs on the host, over lists.
    @torch.compiler.disable
    def forward(self, data: dict, training: bool = False) -> dict:
        """Turn what the data loader collated into the model's input.

        Args:
            data (dict): ``inputs``, a list over views of
                ``dict(values=[(T_i, D), ...], frame_index=[(T_i,), ...],
                num_frames=[int, ...])``, and perhaps ``timeline=[(T_i, 2),
                ...]``; and ``data_samples``, a list of data samples.
            training (bool): Not used: nothing here is random.

        Returns:
            dict: ``inputs``, a list of :class:`SequenceBatch`, one for each
            view, and ``data_samples``.

        Raises:
            ValueError: If the frames of the sequences differ in width, or a
                sequence has no frames. The sequence is named.
        """
        samples = data['data_samples']
        views = [self._pad(view, samples) for view in data['inputs']]
        return dict(inputs=self.cast_data(views), data_samples=samples)

    def _pad(self, view: dict, samples: Sequence) -> SequenceBatch:
        values: list[Tensor] = view['values']
        width = values[0].shape[-1]
        for frames, sample in zip(values, samples, strict=True):
            if frames.ndim != 2 or len(frames) == 0:
                raise ValueError(
                    f'sequence {sample.frame_dir!r} is expected to hold '
                    'values of shape (frames, channels) with one frame at '
                    f'least, but got {tuple(frames.shape)}'
                )
            if frames.shape[-1] != width:
                raise ValueError(
                    f'sequence {sample.frame_dir!r} has frames of '
                    f'{frames.shape[-1]} values, but '
                    f'{samples[0].frame_dir!r} in the same batch has {width}'
                )
        lengths = tuple(len(frames) for frames in values)
        batch = SequenceBatch(
            values=self._pad_rows(values),
            mask=length_mask(torch.tensor(lengths), max(lengths)),
            frame_index=self._pad_rows(view['frame_index']),
            num_frames=torch.tensor(view['num_frames']),
            host_lengths=lengths,
            timeline=self._pad_rows(view['timeline'])
            if 'timeline' in view
            else None,
        )
        if self._to_gpu:
            batch = batch._replace(
                mask=batch.mask.pin_memory(),
                num_frames=batch.num_frames.pin_memory(),
            )
        return batch

    @property
    def _to_gpu(self) -> bool:
        return self.device.type == 'cuda'

    def _pad_rows(self, rows: list[Tensor]) -> Tensor:
        # Where a copy to a GPU starts from: other memory is copied twice,
        # and the host waits.
        shape = len(rows), max(map(len, rows)), *rows[0].shape[1:]
        padded = rows[0].new_zeros(shape, pin_memory=self._to_gpu)
        for target, row in zip(padded, rows, strict=True):
            target[: len(row)] = row
        return padded
