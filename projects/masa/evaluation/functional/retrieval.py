from collections.abc import Sequence

import numpy as np

from ...embeddings.checks import (
    check_at_least_one,
    check_frame_values,
    check_same_length,
    check_sequences,
)
from ...embeddings.copies import frame_groups
from ...embeddings.neighbors import FrameSearch
from ...embeddings.threads import run_threads


def frame_retrieval_ap(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    k: int | Sequence[int],
    stride: int = 1,
    activities: Sequence | None = None,
) -> float | np.ndarray:
    """Measure how many of a frame's nearest neighbours share its phase.

    AP@K as CARL defines it (a precision, in spite of its name): see
    :func:`sequence_retrieval_precision`; here the mean over sequences.

    Args:
        embeddings (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        k (int or Sequence[int]): Number of neighbours, at least 1.
        stride (int): Every how many frames one is a query, at least 1.
        activities (Sequence, optional): Activity of every sequence.

    Returns:
        float or np.ndarray: AP@K in [0, 1], one for each k if there are
        several; NaN where no sequence has both queries and candidates.

    Raises:
        ValueError: If an argument is out of its range, shapes do not agree
            or an embedding is not finite.
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
    """Work out every sequence's retrieval precision.

    Every ``stride``-th frame of a sequence is a query; candidates are all
    frames of all other sequences. Of the k nearest (squared Euclidean), the
    share with the query's phase; mean over the sequence's queries. With
    ``activities``, sequences of several activities are searched together
    and a candidate is right only if activity and phase agree. Frames of
    unknown phase are neither queries nor candidates. Where there are fewer
    than k candidates all of them count. Where more frames are copies of each
    other than fit among the k, the share of all of them counts, so that the
    order of equal frames decides nothing.

    Args:
        embeddings (Sequence[np.ndarray]): V arrays of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        k (Sequence[int]): Numbers of neighbours, at least 1 each.
        stride (int): Every how many frames one is a query, at least 1.
        activities (Sequence, optional): Activity of every sequence.

    Returns:
        np.ndarray: Precision in [0, 1], (V, len(k)); NaN for a sequence
        without a query or a candidate.

    Raises:
        ValueError: If an argument is out of its range, shapes do not agree
            or an embedding is not finite.
    """
    check_at_least_one('stride', stride)
    check_at_least_one('k', min(k))
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
        # How many candidates every distinct frame stands for.
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
    """Average the shares that are right among the k nearest.

    ``copies`` (Q, C) is how many candidates each found frame stands for, the
    nearest first, ``right`` how many of them are.
    """
    before = np.cumsum(copies, axis=1) - copies
    shares = right / copies
    means = []
    for size in k:
        taken = np.clip(size - before, 0, copies)
        means.append(((shares * taken).sum(1) / taken.sum(1)).mean())
    return means


def _frame_classes(phases, known, activities):
    """Number the classes of all frames of known phase."""
    labels = np.concatenate(
        [phase[keep] for phase, keep in zip(phases, known, strict=True)]
    )
    if activities is None:
        return labels
    _, codes = np.unique(np.asarray(activities), return_inverse=True)
    codes = np.repeat(codes, [keep.sum() for keep in known])
    return codes * (labels.max() + 1) + labels
