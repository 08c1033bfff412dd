from collections.abc import Sequence

import numpy as np
import torch

from .collection import SequenceCollection


def sequence_records(
    data_samples: Sequence[dict],
    data_batch: dict | None = None,
    with_inputs: bool = False,
) -> list[dict]:
    """Take what metrics need from a batch of predictions, as NumPy arrays.

    Args:
        data_samples (Sequence[dict]): Data samples as dicts, with
            ``embedding``, ``frame_dir`` and, where known, ``split``,
            ``label``, ``activity``, ``phase``, ``canonical_time`` and
            ``timestamps``.
        data_batch (dict, optional): The batch they were predicted from,
            ``inputs[0]['values']`` one (T, F) tensor for each.
        with_inputs (bool): Whether to take the inputs too.

    Returns:
        list[dict]: A record for every sample.

    Raises:
        KeyError: If a sample has no embedding or no id.
    """
    inputs = [None] * len(data_samples)
    if with_inputs and data_batch is not None:
        inputs = [to_numpy(v) for v in data_batch['inputs'][0]['values']]
    records = []
    for sample, values in zip(data_samples, inputs, strict=True):
        missing = {'embedding', 'frame_dir'} - sample.keys()
        if missing:
            raise KeyError(
                f'data samples are expected to have {sorted(missing)}, '
                f'but got {sorted(sample)}'
            )
        records.append(
            dict(
                name=str(sample['frame_dir']),
                split=str(sample.get('split') or ''),
                label=int(sample.get('label', -1)),
                activity=str(sample.get('activity') or ''),
                embedding=to_numpy(sample['embedding']),
                phase=to_numpy(sample.get('phase')),
                canonical_time=to_numpy(sample.get('canonical_time')),
                timestamps=to_numpy(sample.get('timestamps')),
                inputs=values,
            )
        )
    return records


def to_numpy(value: torch.Tensor | np.ndarray | None) -> np.ndarray | None:
    """Bring a tensor to NumPy, half precision widened.

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


def collection_from_records(records: Sequence[dict]) -> SequenceCollection:
    """Put records together.

    Args:
        records (Sequence[dict]): From :func:`sequence_records`, in the
            order of the data set.

    Returns:
        SequenceCollection: With inputs if all records have them.
    """
    inputs = [record['inputs'] for record in records]
    known = len(inputs) > 0 and all(values is not None for values in inputs)
    return SequenceCollection(
        names=[record['name'] for record in records],
        splits=[record['split'] for record in records],
        labels=[record['label'] for record in records],
        activities=[record['activity'] for record in records],
        embeddings=[record['embedding'] for record in records],
        phases=[record['phase'] for record in records],
        canonical_times=[record['canonical_time'] for record in records],
        inputs=inputs if known else None,
        timestamps=[record['timestamps'] for record in records],
    )
