"""Phase labels from a file of key events, for datasets without any."""

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from .conversion import LabeledSequence
from .errors import AnnotationError
from .text_files import read_json


class Phases(NamedTuple):
    """Phase labels from another source than the dataset itself.

    Attributes:
        names (dict[str, list[str]]): Names of the phases by activity; empty
            where the source has none.
        labels (dict[str, np.ndarray]): Phase of every frame by sequence,
            ``(T,)`` int64.
        resampled (list[str]): Sequences whose labels had another length.
        unmatched (list[str]): Sequences that have labels, but are not in the
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

    The result are the names of the events by activity; activity and frames by
    sequence.
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
    """Read phases from a JSON file of key events.

    The phase of a frame is the number of events at or before it. Layout:
    ``{'events': {activity: [names]}, 'sequences': {id: {'action': activity,
    'frames': [frame of every event, from 0]}}}``.

    Args:
        path (str | os.PathLike): The file.
        sequences (Iterable[LabeledSequence]): The sequences to label.
        spelling (Callable): Turns the file's name of an activity into the
            dataset's. Defaults to the same name.

    Returns:
        Phases: Of the sequences that the file has. A phase is named after
        the event that begins it, the first one 'start'.

    Raises:
        AnnotationError: If the file is of another layout, or disagrees with
            the dataset about an activity, or has events that decrease or
            lie outside of their sequence.
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
    """Check that a source of labels means the activity of the sequence."""
    if activity != sequence.activity:
        raise AnnotationError(
            f'{where}: the activity is {activity}, but {sequence.activity} '
            'in the dataset'
        )
