"""Phase labels for Penn Action, whose label files have none."""

import io
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from .errors import AnnotationError
from .penn_labels import PennSequence, activity_name
from .plain_pickle import load_plain_pickle


class Phases(NamedTuple):
    """Phase labels from another source than the data set itself.

    Attributes:
        names (dict[str, list[str]]): Names of the phases by activity; empty
            where the source has none.
        labels (dict[str, np.ndarray]): Phase of every frame by sequence,
            ``(T,)`` int64.
        resampled (list[str]): Sequences whose labels had another length.
        unmatched (list[str]): Sequences that have labels, but no label file.
    """

    names: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    resampled: list[str]
    unmatched: list[str]


def phases_from_key_events(
    path: str | os.PathLike, sequences: Iterable[PennSequence]
) -> Phases:
    """Read phases from a JSON file of key events.

    The phase of a frame is the number of events at or before it. Layout:
    ``{'events': {activity: [names]}, 'sequences': {id: {'action': activity,
    'frames': [frame of every event, from 0]}}}``.

    Args:
        path (str | os.PathLike): The file.
        sequences (Iterable[PennSequence]): The sequences to label.

    Returns:
        Phases: Of the sequences that the file has. A phase is named after
        the event that begins it, the first one 'start'.

    Raises:
        AnnotationError: If the file is of another layout, or disagrees with
            the label files about an activity, or has events that decrease or
            lie outside of their sequence.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        events = {
            activity_name(activity): list(names)
            for activity, names in content['events'].items()
        }
        listed = {
            name: (activity_name(entry['action']), np.array(entry['frames']))
            for name, entry in content['sequences'].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is expected to be JSON with 'events' and 'sequences', "
            f'but: {error!r}'
        ) from error
    labels = {}
    for sequence in sequences:
        if sequence.name not in listed:
            continue
        activity, frames = listed.pop(sequence.name)
        where = f'{path}, sequence {sequence.name}'
        _check_activity(where, activity, sequence)
        if activity not in events:
            raise AnnotationError(
                f"{where}: {activity} is expected to be in 'events', which "
                f'has {sorted(events)}'
            )
        total = len(sequence.keypoint)
        count = len(events[activity])
        if (
            frames.shape != (count,)
            or frames.dtype.kind not in 'iu'
            or (np.diff(frames) < 0).any()
            or frames[0] < 0
            or frames[-1] >= total
        ):
            raise AnnotationError(
                f'{where}: frames is expected to hold {count} whole numbers '
                f'in [0, {total}) that do not decrease, but holds '
                f'{frames.tolist()}'
            )
        labels[sequence.name] = np.searchsorted(
            frames, np.arange(total), side='right'
        ).astype(np.int64)
    names = {name: ['start', *after] for name, after in events.items()}
    return Phases(names, labels, [], sorted(listed))


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
            _check_activity(where, activity, sequence)
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


def _check_activity(where: str, activity: str, sequence: PennSequence) -> None:
    if activity != sequence.activity:
        raise AnnotationError(
            f'{where}: the activity is {activity}, but {sequence.activity} '
            'in the label file'
        )


def _load_storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=True)


# How a pickle that torch.save did not write holds tensors. What PyTorch puts
# there by itself would read the storage as a pickle that can run code.
_TENSORS = {
    ('torch._utils', '_rebuild_tensor_v2'): torch._utils._rebuild_tensor_v2,
    ('torch.storage', '_load_from_bytes'): _load_storage,
}
