"""Finding recurring activities in an archive without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..support.extras import explain_missing
from .archive import Archive
from .sequences import ArchivedSequence

# Seconds of a window, which is to hold a repetition or so, and between two.
SPAN, HOP = 3.0, 1.0
# Windows that are clustered, whose distances are all computed; of longer
# archives fewer a second.
MOST_WINDOWS = 20_000
# Principal components of what describes a window.
COMPONENTS = 32
# Windows of an activity, at least.
SMALLEST = 10


class Stay(NamedTuple):
    """A stretch of a sequence that shows one activity throughout.

    Attributes:
        sequence (ArchivedSequence): The sequence.
        start (float): Its first second.
        end (float): Its last second.
        middle (float): The middle of the window in it that is most typical.
        distance (float): Of this window to the mean of the activity.
    """

    sequence: ArchivedSequence
    start: float
    end: float
    middle: float
    distance: float


def discover_activities(
    archive: Archive,
    condition: str = '',
    smallest: int = SMALLEST,
) -> list[list[Stay]]:
    """Find the activities that recur in an archive.

    A window of ``SPAN`` seconds is described by the mean and the standard
    deviation of its embeddings, in which it does not matter when a
    repetition begins. Windows are clustered by HDBSCAN, and consecutive ones
    of one cluster are a stretch.

    Args:
        archive (Archive): The open archive.
        condition (str): A filter of Milvus. Defaults to none.
        smallest (int): Windows of an activity, at least. Defaults to 10.

    Returns:
        list[list[Stay]]: The stretches of each activity, the most typical
        first; the activities that last longest first. Windows that are like
        no others are left out.

    Raises:
        ImportError: If scikit-learn is not installed.
        ArchiveError: If the archive is empty, or of another model.
    """
    try:
        from sklearn.cluster import HDBSCAN
        from sklearn.decomposition import PCA
    except ModuleNotFoundError as error:
        raise explain_missing('masa discover', 'archive', error) from error
    archive.check_model()
    sequences = archive.sequences(condition)
    total = sum(one.duration for one in sequences)
    hop = max(HOP, total / MOST_WINDOWS)
    owners, middles, described = [], [], []
    for number, one in enumerate(sequences):
        times, values = describe_windows(*archive.moments(one), hop)
        owners += [number] * len(times)
        middles += times.tolist()
        described.append(values)
    if len(middles) < max(smallest, 2):
        return []
    values = np.concatenate(described)
    components = min(COMPONENTS, *values.shape)
    # The full solver draws nothing.
    reduced = PCA(components, svd_solver='full').fit_transform(values)
    labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(reduced)
    found = []
    for label in range(labels.max() + 1):
        chosen = np.flatnonzero(labels == label)
        apart = reduced[chosen] - reduced[chosen].mean(0)
        distances = np.linalg.norm(apart, axis=1)
        stays = _stays(
            [sequences[owners[i]] for i in chosen],
            np.array(middles)[chosen],
            distances,
            hop,
        )
        found.append(sorted(stays, key=lambda one: one.distance))
    return sorted(found, key=_seconds, reverse=True)


def describe_windows(
    seconds: np.ndarray, embeddings: np.ndarray, hop: float = HOP
) -> tuple[np.ndarray, np.ndarray]:
    """Describe the windows of a sequence.

    Args:
        seconds (np.ndarray): Times of its moments, increasing, (M,).
        embeddings (np.ndarray): Their embeddings, (M, D).
        hop (float): Seconds between the beginnings of windows.

    Returns:
        tuple[np.ndarray, np.ndarray]: The middle of each window, (N,), and
        the mean and the standard deviation of its embeddings, (N, 2 D).
    """
    starts = np.arange(
        seconds[0], max(seconds[-1] - SPAN, seconds[0]) + hop / 2, hop
    )
    middles, described = [], []
    for start in starts:
        first, last = np.searchsorted(seconds, (start, start + SPAN))
        if first < last:
            inside = embeddings[first:last]
            middles.append((seconds[first] + seconds[last - 1]) / 2)
            described.append(np.concatenate([inside.mean(0), inside.std(0)]))
    return np.array(middles), np.array(described)


def _stays(
    sequences: Sequence[ArchivedSequence],
    middles: np.ndarray,
    distances: np.ndarray,
    hop: float,
) -> list[Stay]:
    """Join windows, in the order of sequences and times, to stretches."""
    stays: list[Stay] = []
    last = -np.inf
    for sequence, middle, distance in zip(
        sequences, middles.tolist(), distances.tolist(), strict=True
    ):
        # Of a window, the part that no other begins or ends in.
        start, end = middle - hop / 2, middle + hop / 2
        one = Stay(sequence, start, end, middle, distance)
        if (
            stays
            and stays[-1].sequence.id == sequence.id
            and middle < last + 1.5 * hop
        ):
            known = stays.pop()
            typical = min(known, one, key=lambda stay: stay.distance)
            one = typical._replace(start=known.start, end=end)
        stays.append(one)
        last = middle
    return stays


def _seconds(stays: Sequence[Stay]) -> float:
    return sum(one.end - one.start for one in stays)
