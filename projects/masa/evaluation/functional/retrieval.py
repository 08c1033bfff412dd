from collections.abc import Sequence

import numpy as np

from ...embeddings.checks import (
    check_frame_values,
    check_same_length,
    check_sequences,
)
from ...embeddings.copies import frame_groups
from ...embeddings.neighbors import FrameSearch
from ...embeddings.threads import run_threads
from ...support.argument_checks import check_one_or_more


def frame_retrieval_ap(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    k: int | Sequence[int],
    stride: int = 1,
    activities: Sequence | None = None,
) -> float | np.ndarray:
    """Compute AP@K of frame retrieval: neighbors of the query's phase.

    The mean over sequences of :func:`sequence_retrieval_precision`. The name
    is that of CARL, although it is a precision.

    Args:
        embeddings (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        k (int or Sequence[int]): Number of neighbors, at least 1.
        stride (int): Step between the query frames, at least 1.
        activities (Sequence, optional): Activity of every sequence.

    Returns:
        float or np.ndarray: AP@K in [0, 1], one for each k if there are
        several; NaN where no sequence has both queries and candidates.

    Raises:
        ValueError: If an argument is out of its range, shapes do not agree
            or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import frame_retrieval_ap
        >>> frames, phases = np.arange(6)[:, None], np.repeat([0, 1], 3)
        >>> frame_retrieval_ap([frames, frames], [phases, phases], k=3)
        0.889
    """
    precision = sequence_retrieval_precision(
        embeddings, phases, np.atleast_1d(k), stride, activities
    )
    precision = precision[~np.isnan(precision).any(axis=1)]
    mean = (
        precision.mean(axis=0)
        if len(precision)
        else np.full(precision.shape[1], np.nan)
    )
    return float(mean[0]) if np.ndim(k) == 0 else mean


def sequence_retrieval_precision(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    k: Sequence[int],
    stride: int = 1,
    activities: Sequence | None = None,
) -> np.ndarray:
    """Compute the precision of frame retrieval for every sequence.

    Every ``stride``-th frame of a sequence is a query; the candidates are
    all frames of all other sequences. The precision is the share of the k
    nearest candidates that have the query's phase, averaged over the
    queries. With ``activities``, sequences of several activities are
    searched together, and a candidate is correct only if activity and phase
    agree. Frames of unknown phase are neither queries nor candidates. If
    there are fewer than k candidates, all of them count. If more copies of a
    frame compete for the last places than fit, the share of all of them
    counts, so that the order of equal frames does not matter.

    Args:
        embeddings (Sequence[np.ndarray]): V arrays of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        k (Sequence[int]): Numbers of neighbors, at least 1 each.
        stride (int): Step between the query frames, at least 1.
        activities (Sequence, optional): Activity of every sequence.

    Returns:
        np.ndarray: Precision in [0, 1], (V, len(k)); NaN for a sequence
        without a query or a candidate.

    Raises:
        ValueError: If an argument is out of its range, shapes do not agree
            or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import sequence_retrieval_precision
        >>> frames, phases = np.arange(6)[:, None], np.repeat([0, 1], 3)
        >>> pair = [frames, frames], [phases, phases]
        >>> sequence_retrieval_precision(*pair, k=[1, 3]).tolist()
        [[1.0, 0.889], [1.0, 0.889]]
    """
    check_one_or_more(stride=stride, k=min(k))
    sequences = check_sequences(embeddings)
    phases = check_frame_values(phases, sequences)
    if activities is not None:
        check_same_length(sequences, activities, 'activities')
    precision = np.full((len(sequences), len(k)), np.nan)
    known = [phase >= 0 for phase in phases]
    if sum(keep.any() for keep in known) < 2:
        return precision
    kinds = _frame_classes(phases, known, activities)
    frames = np.concatenate(
        [
            sequence[keep]
            for sequence, keep in zip(sequences, known, strict=True)
        ]
    )
    ends = np.cumsum([keep.sum() for keep in known])
    groups = frame_groups(frames)
    _, first = np.unique(groups, return_index=True)
    search = FrameSearch(frames[first])

    def search_from(number):
        keep = known[number]
        own = slice(ends[number] - keep.sum(), ends[number])
        queries = np.arange(own.start, own.stop)
        queries = queries[np.flatnonzero(keep) % stride == 0]
        others = np.ones(len(frames), dtype=bool)
        others[own] = False
        # Number of candidates that are equal to every distinct frame.
        copies = np.bincount(groups[others], minlength=len(first))
        count = min(max(k), np.count_nonzero(copies))
        if not (len(queries) and count):
            return
        nearest = search(frames[queries], copies > 0, count)
        right = np.empty_like(nearest)
        for kind in np.unique(kinds[queries]):
            asking = kinds[queries] == kind
            alike = groups[others & (kinds == kind)]
            right[asking] = np.bincount(alike, minlength=len(first))[
                nearest[asking]
            ]
        precision[number] = _precision(copies[nearest], right, k)

    run_threads(search_from, range(len(sequences)))
    return precision


def _precision(copies, right, k):
    """Average the share of correct candidates among the k nearest.

    ``copies`` (Q, C) is the number of candidates equal to each found frame,
    the nearest first, and ``right`` the number of correct ones.
    """
    before = np.cumsum(copies, axis=1) - copies
    shares = right / copies
    means = []
    for size in k:
        taken = np.clip(size - before, 0, copies)
        means.append(((shares * taken).sum(1) / taken.sum(1)).mean())
    return means


def _frame_classes(phases, known, activities):
    """Number the classes (activity, phase) of frames of known phase."""
    labels = np.concatenate(
        [phase[keep] for phase, keep in zip(phases, known, strict=True)]
    )
    if activities is None:
        return labels
    _, codes = np.unique(np.asarray(activities), return_inverse=True)
    codes = np.repeat(codes, [keep.sum() for keep in known])
    return codes * (labels.max() + 1) + labels
