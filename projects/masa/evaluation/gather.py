from collections.abc import Sequence

import numpy as np
import torch

from ..datasets.transforms.formatting import STORED
from ..embeddings import EmbeddedSequence


def embedded_sequences(
    data_samples: Sequence[dict],
    data_batch: dict | None = None,
    with_inputs: bool = False,
) -> list[EmbeddedSequence]:
    """Convert a batch of predictions to what metrics need, as NumPy arrays.

    Args:
        data_samples (Sequence[dict]): Data samples as dicts, with
            ``embedding``, ``frame_dir`` and, where known, ``split``,
            ``label``, ``activity``, ``phase``, ``canonical_time``,
            ``timestamps`` and ``modality_widths``.
        data_batch (dict, optional): The batch that they were predicted from;
            ``inputs[0]['values']`` holds a (T, F) tensor for each.
        with_inputs (bool): Whether to keep the inputs: joints and features,
            without what is worked out of them, such as velocities.

    Returns:
        list[EmbeddedSequence]: One for every sample.

    Raises:
        KeyError: If a sample has no embedding or no id.
    """
    inputs = [None] * len(data_samples)
    if with_inputs and data_batch is not None:
        inputs = data_batch['inputs'][0]['values']
    sequences = []
    for sample, values in zip(data_samples, inputs, strict=True):
        missing = {'embedding', 'frame_dir'} - sample.keys()
        if missing:
            raise KeyError(
                f'data samples are expected to have {sorted(missing)}, '
                f'but got {sorted(sample)}'
            )
        sequences.append(
            EmbeddedSequence(
                name=str(sample['frame_dir']),
                embedding=to_numpy(sample['embedding']),
                timestamps=to_numpy(sample.get('timestamps')),
                phase=to_numpy(sample.get('phase')),
                label=int(sample.get('label', -1)),
                activity=str(sample.get('activity') or ''),
                split=str(sample.get('split') or ''),
                canonical_time=to_numpy(sample.get('canonical_time')),
                inputs=_stored_inputs(
                    to_numpy(values), sample.get('modality_widths')
                ),
            )
        )
    return sequences


def _stored_inputs(values, widths):
    """Take the channels of stored modalities, (T, F') of (T, F)."""
    if values is None or widths is None:
        return values
    kept = [name in STORED for name in widths]
    return values[:, np.repeat(kept, list(widths.values()))]


def to_numpy(value: torch.Tensor | np.ndarray | None) -> np.ndarray | None:
    """Convert a tensor to a NumPy array; half precision becomes float32.

    Args:
        value (torch.Tensor or np.ndarray, optional): On any device.

    Returns:
        np.ndarray or None: None for None.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()
        value = value.numpy()
    return value
