from collections.abc import Sequence

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..structures import SequenceBatch, length_mask


@MODELS.register_module()
class SequenceDataPreprocessor(BaseDataPreprocessor):
    """Pads the sequences of a batch, makes their masks, moves both to device.

    MMAction2's own preprocessor pads without a mask. Here padding reaches
    only to the longest view of the batch, not of the data set, and every
    batch of values travels with its mask.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Turn what the data loader collated into the model's input.

        Args:
            data (dict): ``inputs``, a list over views of
                ``dict(values=[(T_i, D), ...], frame_index=[(T_i,), ...],
                num_frames=[int, ...])``, and ``data_samples``, a list of
                data samples.
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
        return self.cast_data(dict(inputs=views, data_samples=samples))

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
        padded = pad_sequence(values, batch_first=True)
        lengths = torch.tensor([len(frames) for frames in values])
        return SequenceBatch(
            values=padded,
            mask=length_mask(lengths, padded.shape[1]),
            frame_index=pad_sequence(view['frame_index'], batch_first=True),
            num_frames=torch.tensor(view['num_frames']),
        )
