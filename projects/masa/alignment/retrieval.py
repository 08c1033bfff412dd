from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..embeddings.checks import check_sequences
from ..embeddings.neighbors import nearest_frames
from ..support.argument_checks import check_one_or_more


class Match(NamedTuple):
    """A retrieved frame.

    Attributes:
        sequence (int): Position of the sequence.
        frame (int): Index of the frame in it.
        distance (float): Squared Euclidean distance to the query.
    """

    sequence: int
    frame: int
    distance: float


def retrieve_frames(
    query: np.ndarray, sequences: Sequence[np.ndarray], k: int = 5
) -> list[Match]:
    """Retrieve the frames of other sequences that match a frame.

    At most one frame of each sequence is returned, the nearest: the frames
    before and after it are about as near and would fill the list.

    Args:
        query (np.ndarray): Embedding of a frame, (D,).
        sequences (Sequence[np.ndarray]): Sequences to search, arrays of
            shape (T_i, D).
        k (int): Number of frames, at least 1.

    Returns:
        list[Match]: The nearest first; fewer than ``k`` if there are fewer
        sequences.

    Raises:
        ValueError: If ``k`` is below 1, or shapes disagree.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import retrieve_frames
        >>> slow, fast = np.arange(5)[:, None] / 2, np.arange(3)[:, None]
        >>> tuple(retrieve_frames(np.array([1.6]), [slow, fast])[0])
        (0, 3, 0.01)
    """
    check_one_or_more(k=k)
    query = np.asarray(query)
    if query.ndim != 1:
        raise ValueError(
            f'query is expected to be one frame, (D,), but got {query.shape}'
        )
    query, *sequences = check_sequences([query[None], *sequences])
    if not sequences:
        return []
    frames = nearest_frames(query, sequences)[0]
    apart = [
        sequence[frame].astype(np.float64) - query[0]
        for sequence, frame in zip(sequences, frames, strict=True)
    ]
    distances = np.square(apart).sum(axis=1)
    order = np.argsort(distances, kind='stable')[:k]
    return [Match(int(i), int(frames[i]), float(distances[i])) for i in order]
