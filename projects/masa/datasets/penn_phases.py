"""Phase labels for Penn Action as users of CARL have them."""

import io
import os
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import AnnotationError
from .key_events import Phases, check_activity
from .penn_labels import PennSequence, activity_name
from .plain_pickle import load_plain_pickle


def phases_from_pickles(
    paths: Iterable[str | os.PathLike], sequences: Iterable[PennSequence]
) -> Phases:
    """Read phases from the pickles that users of CARL have.

    Each holds a list of dicts, or a tuple of that list and an index by
    activity. A dict has ``name`` (the sequence's number and its activity,
    ``'0001_baseball_pitch'``), ``frame_label`` (a tensor, an array or a
    list) and ``seq_len``; ``action_label``, its ``id``, which counts the
    entries, and ``video_file`` may be there. Labels of another length than
    the sequence are resampled by floor index, as CARL does (Chen et al.
    2022).

    Args:
        paths (Iterable[str | os.PathLike]): ``train.pkl``, ``val.pkl``.
        sequences (Iterable[PennSequence]): The sequences to label.

    Returns:
        Phases: Of the sequences that the files have, without names.

    Raises:
        AnnotationError: If a file is of another layout, or disagrees with
            the label files about an activity.
    """
    entries = {}
    for path in paths:
        content = load_plain_pickle(path, admit=_TENSORS)
        if isinstance(content, tuple) and content:
            content = content[0]
        if not isinstance(content, list):
            raise AnnotationError(
                f'{path} is expected to hold a list of dicts, but holds a '
                f'{type(content).__name__}'
            )
        for number, entry in enumerate(content):
            name, activity = _sequence_of(entry, f'{path}, entry {number}')
            if name in entries:
                raise AnnotationError(
                    f'{path}, entry {number}: sequence {name} is expected '
                    f'once, but is in {entries[name][2]} too'
                )
            entries[name] = (entry, activity, path)
    labels, resampled = {}, []
    activity_of_index: dict[int, str] = {}
    for sequence in sequences:
        if sequence.name not in entries:
            continue
        entry, activity, path = entries.pop(sequence.name)
        where = f'{path}, sequence {sequence.name}'
        if activity:
            check_activity(where, activity, sequence)
        index = entry.get('action_label')
        known = activity_of_index.setdefault(index, sequence.activity)
        if index is not None and known != sequence.activity:
            raise AnnotationError(
                f'{where}: action_label {index} stands for {known} '
                f'elsewhere, but the label file says {sequence.activity}'
            )
        label = _frame_label(entry, where)
        total = len(sequence.keypoint)
        if len(label) != total:
            label = label[np.arange(total) * len(label) // total]
            resampled.append(sequence.name)
        labels[sequence.name] = label.astype(np.int64)
    return Phases({}, labels, resampled, sorted(entries))


def _sequence_of(entry: Any, where: str) -> tuple[str, str]:
    """Return the number and the activity that an entry's name tells."""
    name = entry.get('name') if isinstance(entry, dict) else None
    match = re.fullmatch(r'(\d+)(?:_(\w+))?', str(name))
    if match is None:
        raise AnnotationError(
            f"{where}: expected a dict with a 'name' such as "
            f"'0001_baseball_pitch', but found {name!r}"
        )
    number, activity = match.groups()
    return f'{int(number):04d}', activity_name(activity or '')


def _frame_label(entry: dict, where: str) -> np.ndarray:
    label = np.asarray(entry.get('frame_label'))
    if (
        label.ndim != 1
        or not len(label)
        or label.dtype.kind not in 'iuf'
        or (label % 1 != 0).any()
    ):
        raise AnnotationError(
            f'{where}: frame_label is expected to be a list of whole '
            f'numbers, but is {label.dtype} of shape {label.shape}'
        )
    # What follows after seq_len is padding.
    length = entry.get('seq_len', len(label))
    return label[: max(int(length), 1)]


def _rebuild_tensor(*arguments: Any) -> Any:
    from torch._utils import _rebuild_tensor_v2

    return _rebuild_tensor_v2(*arguments)


def _load_storage(content: bytes) -> Any:
    import torch

    return torch.load(io.BytesIO(content), weights_only=True)


# How a pickle that torch.save did not write holds tensors. What PyTorch puts
# there by itself would read the storage as a pickle that can run code.
_TENSORS = {
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch.storage', '_load_from_bytes'): _load_storage,
}
