"""Derive phase labels from a file of key events."""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from .conversion import LabeledSequence
from .errors import AnnotationError
from .text_files import read_json


class Phases(NamedTuple):
    """Phase labels for the sequences of a dataset.

    Attributes:
        names (dict[str, list[str]]): Names of the phases by activity; empty if
            not known.
        labels (dict[str, np.ndarray]): Phases, ``(T,)`` int64, by sequence.
        resampled (list[str]): Sequences whose labels had another length.
        unmatched (list[str]): Sequences with labels that are not in the
            dataset.
    """

    names: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    resampled: list[str]
    unmatched: list[str]


def read_key_events(
    path: str | os.PathLike, spelling: Callable[[str], str] = str
) -> tuple[dict[str, list[str]], dict[str, tuple[str, np.ndarray]]]:
    """Read a file of key events, see :func:`phases_from_key_events`.

    Returns the names of the events by activity, and the activity and the
    frames of the events by sequence.
    """
    try:
        content = read_json(path)
        events = {
            spelling(activity): list(names)
            for activity, names in content['events'].items()
        }
        listed = {
            name: (spelling(entry['action']), np.array(entry['frames']))
            for name, entry in content['sequences'].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is expected to be JSON with 'events' and 'sequences', "
            f'but: {error!r}'
        ) from error
    return events, listed


def phases_from_key_events(
    path: str | os.PathLike,
    sequences: Iterable[LabeledSequence],
    spelling: Callable[[str], str] = str,
) -> Phases:
    """Derive phases from a JSON file of key events.

    The phase of a frame is the number of events at or before it. Layout:
    ``{'events': {activity: [names]}, 'sequences': {id: {'action': activity,
    'frames': [frame of every event, from 0]}}}``.

    Args:
        path (str | os.PathLike): The file.
        sequences (Iterable[LabeledSequence]): The sequences to label.
        spelling (Callable): Maps the name of an activity in the file to that
            in the dataset. Defaults to the identity.

    Returns:
        Phases: Phases of the sequences in the file. The first phase is named
        'start', others after the event at which they begin.

    Raises:
        AnnotationError: If the file has another layout, an activity differs
            from the dataset, or events decrease or lie outside their sequence.
    """
    events, listed = read_key_events(path, spelling)
    labels = {}
    for sequence in sequences:
        if sequence.name not in listed:
            continue
        activity, frames = listed.pop(sequence.name)
        where = f'{path}, sequence {sequence.name}'
        check_activity(where, activity, sequence)
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


def check_activity(
    where: str, activity: str, sequence: LabeledSequence
) -> None:
    """Check that the activity agrees with that of the sequence."""
    if activity != sequence.activity:
        raise AnnotationError(
            f'{where}: the activity is {activity}, but {sequence.activity} '
            'in the dataset'
        )
