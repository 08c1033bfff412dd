from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...embeddings.checks import (
    check_at_least_one,
    check_frame_values,
    check_sequences,
)
from ...embeddings.copies import (
    copied_frames,
    frame_groups,
    mean_over_copies,
)
from ...embeddings.neighbors import (
    BLOCK_ENTRIES,
    nearest_frames,
    pair_neighbors,
)
from ...embeddings.threads import run_threads


class TauScore(NamedTuple):
    """Kendall's tau of a set of sequences.

    Attributes:
        tau (float): Mean over the pairs, in [-1, 1]; NaN without a pair.
        nan_fraction (float): Share of the pairs whose tau is undefined
            because all neighbours are one frame; NaN without a pair.
        num_pairs (int): Number of ordered pairs.
    """

    tau: float
    nan_fraction: float
    num_pairs: int


class TransferError(NamedTuple):
    """Error of key events carried from one sequence to another.

    Attributes:
        median (float): Median error as a share of the length, in [0, 1).
        within (float): Share of the events carried over within the
            tolerance.
        num_events (int): Number of events carried over; where it is 0 the
            others are NaN.
    """

    median: float
    within: float
    num_events: int


class TimeError(NamedTuple):
    """Distance between the true times of matched frames.

    Attributes:
        mean (float): Mean over all frames of all pairs, in canonical frames.
        median (float): Median of the same.
        num_frames (int): Number of matched frames; where it is 0 the others
            are NaN.
    """

    mean: float
    median: float
    num_frames: int


def kendalls_tau(
    embeddings: Sequence[np.ndarray], stride: int = 1, nan: str = 'zero'
) -> TauScore:
    """Measure how well nearest neighbours keep the order of time.

    For every ordered pair of sequences, every ``stride``-th frame of the
    first is matched to the nearest of the second's; tau-b between query
    order and neighbour order, mean over pairs (TCC, Dwibedi et al. 2019).
    Where all neighbours are one frame, as in a collapsed embedding, tau is
    undefined. The reference implementations drop such pairs, which lets a
    half-collapsed model score 1; here they count as 0.

    Two queries with one neighbour are a tie, which tau-b forgives: where a
    sequence is the shorter one it cannot be otherwise. Not forgiven is a tie
    between frames that are copies of each other, as queries or as
    neighbours, which have no order to find: an embedding of two values, one
    for each half of the activity, gets 0.5.

    Sequences that keep fewer than two frames have no order and are left out.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        stride (int): Every how many frames one is taken, at least 1.
        nan (str): What an undefined pair counts: 'zero', or 'drop' for the
            reference implementations' way, which forgives all ties, too.

    Returns:
        TauScore: tau, share of undefined pairs, number of pairs.

    Raises:
        ValueError: If an argument is out of its range, or an embedding is
            not finite.
    """
    check_at_least_one('stride', stride)
    if nan not in ('zero', 'drop'):
        raise ValueError(f"nan is expected to be 'zero' or 'drop', got {nan}")
    sequences = [s[::stride] for s in check_sequences(embeddings)]
    sequences = [sequence for sequence in sequences if len(sequence) > 1]
    if len(sequences) < 2:
        return TauScore(np.nan, np.nan, 0)
    groups = [frame_groups(sequence) for sequence in sequences]
    if nan == 'drop':
        groups = [np.arange(len(sequence)) for sequence in sequences]
    copied = [copied_frames(group) for group in groups]
    neighbors = pair_neighbors(sequences)
    tau = np.empty((len(sequences), len(sequences) - 1))

    def correlate(i):
        others = np.delete(np.arange(len(sequences)), i)
        tau[i] = _rank_correlation(
            neighbors[i][others],
            np.stack([copied[j][neighbors[i][j]] for j in others]),
            groups[i],
        )

    run_threads(correlate, range(len(sequences)))
    tau = tau.ravel()
    undefined = np.isnan(tau)
    if nan == 'zero':
        tau[undefined] = 0
    mean = tau[~np.isnan(tau)].mean() if not np.isnan(tau).all() else np.nan
    return TauScore(float(mean), float(undefined.mean()), len(tau))


def _rank_correlation(
    order: np.ndarray, copied: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Work out tau-b of each row of (P, n) against 0 .. n - 1.

    ``copied``, (P, n), says of which neighbours there are copies; ``groups``,
    (n,), which queries are copies of each other.
    """
    num_rows, length = order.shape
    # Time first, and as few bytes as will do: what is compared lies side by
    # side.
    narrow = np.int16 if order.max() < 2**15 else np.int32
    times = np.ascontiguousarray(order.T, dtype=narrow)
    not_falling = np.zeros(num_rows, dtype=np.int64)
    for lag in range(1, length):
        not_falling += np.add.reduce(
            (times[lag:] >= times[:-lag]).view(np.uint8),
            axis=0,
            dtype=np.uint32,
        )
    num_pairs = length * (length - 1) // 2
    ties = _count_ties(times)
    rising = not_falling - ties
    untied = num_pairs - ties
    unordered = _count_unordered(order, copied, groups)
    tau = np.full(num_rows, np.nan)
    np.divide(
        2 * rising - untied,
        np.sqrt(float(num_pairs) * (untied + unordered)),
        out=tau,
        where=untied > 0,
    )
    return tau


def _count_unordered(
    order: np.ndarray, copied: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Count the ties of every row that are no fault of the order, (P,).

    Two queries have one neighbour, of which there are copies, or are copies
    themselves: another choice among the copies would have ordered them.
    """
    num_rows, length = order.shape
    unordered = np.zeros(num_rows, dtype=np.int64)
    if not copied.any() and len(np.unique(groups)) == length:
        return unordered
    step = max(1, 4 * BLOCK_ENTRIES // (num_rows * length))
    for start in range(0, length - 1, step):
        rows, columns = slice(start, start + step), slice(start + 1, None)
        earlier, later = order[:, rows, None], order[:, None, columns]
        # Column c stands for position start + 1 + c, row r for start + r.
        after = np.tri(later.shape[2], earlier.shape[1], dtype=bool).T
        alike = copied[:, rows, None] | (
            groups[rows, None] == groups[None, columns]
        )
        alike = alike & (later == earlier) & after
        unordered += np.count_nonzero(alike, axis=(1, 2))
    return unordered


def _count_ties(times: np.ndarray) -> np.ndarray:
    """Count the pairs of equal values in every column of (n, P)."""
    ordered = np.sort(times, axis=0)
    # How many equal values come before each, in the order of the values.
    run = np.zeros(times.shape[1], dtype=np.int64)
    ties = np.zeros_like(run)
    for before, after in pairwise(ordered):
        run = (run + 1) * (before == after)
        ties += run
    return ties


def key_event_transfer_error(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    tolerance: float = 0.05,
) -> TransferError:
    """Measure how far off an event lands when alignment carries it over.

    A key event is the first frame of a phase that follows another phase.
    For every ordered pair (A, B) and every event that both have, A's event
    frame is carried to its nearest frame in B; the error is its distance
    from B's own event frame as a share of B's length. Where the nearest
    frame has copies, error and share are means over all of them, which puts
    a collapsed embedding where chance is.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        tolerance (float): What counts as carried over well, a share of the
            length.

    Returns:
        TransferError: Median error, share within tolerance, number of events.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.
    """
    sequences = check_sequences(embeddings)
    phases = check_frame_values(phases, sequences)
    sources, events, frames = [], [], []
    for number, phase in enumerate(phases):
        for event, frame in _key_events(phase).items():
            sources.append(number)
            events.append(event)
            frames.append(frame)
    if not events:
        return TransferError(np.nan, np.nan, 0)
    sources, events, frames = map(np.array, (sources, events, frames))
    kinds, kind = np.unique(events, return_inverse=True)
    # True frame of every kind of event in every sequence, NaN for none.
    truth = np.full((len(kinds), len(sequences)), np.nan)
    truth[kind, sources] = frames
    queries = np.stack(
        [sequences[s][t] for s, t in zip(sources, frames, strict=True)]
    )
    found = nearest_frames(queries, sequences)  # (events, V)
    lengths = np.array([len(sequence) for sequence in sequences])
    errors = np.abs(found - truth[kind]) / lengths
    within = (errors <= tolerance).astype(np.float64)
    for number, sequence in enumerate(sequences):
        groups = frame_groups(sequence)
        if copied_frames(groups).any():
            apart = np.abs(np.arange(len(groups)) - truth[kind, number, None])
            apart /= len(groups)
            nearest = found[:, number]
            errors[:, number] = mean_over_copies(apart, nearest, groups)
            within[:, number] = mean_over_copies(
                apart <= tolerance, nearest, groups
            )
    errors[np.arange(len(sources)), sources] = np.nan
    known = ~np.isnan(errors)
    if not known.any():
        return TransferError(np.nan, np.nan, 0)
    return TransferError(
        float(np.median(errors[known])),
        float(within[known].mean()),
        int(known.sum()),
    )


def _key_events(phase: np.ndarray) -> dict[int, int]:
    """Find the first frame of every phase that follows another phase."""
    found, first = np.unique(phase, return_index=True)
    return {
        int(event): int(frame)
        for event, frame in zip(found, first, strict=True)
        if event >= 0 and frame > 0 and phase[frame - 1] >= 0
    }


def alignment_error(
    embeddings: Sequence[np.ndarray], canonical_times: Sequence[np.ndarray]
) -> TimeError:
    """Measure how far apart in true time matched frames are.

    For every ordered pair of sequences, |canonical time of a frame -
    canonical time of its nearest neighbour|, over all frames of all pairs.
    Where that neighbour has copies, the mean over all of them.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        canonical_times (Sequence[np.ndarray]): True time of every frame on
            the activity's common time axis, arrays of shape (T_i,), in
            canonical frames.

    Returns:
        TimeError: Mean, median, number of matched frames.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.
    """
    sequences = check_sequences(embeddings)
    times = check_frame_values(canonical_times, sequences, 'canonical_times')
    if len(sequences) < 2:
        return TimeError(np.nan, np.nan, 0)
    groups = [frame_groups(sequence) for sequence in sequences]
    with_copies = [copied_frames(group).any() for group in groups]
    errors = []
    for i, neighbors in enumerate(pair_neighbors(sequences)):
        for j, time in enumerate(times):
            if i == j:
                continue
            if with_copies[j]:
                apart = np.abs(times[i][:, None] - time)
                errors.append(mean_over_copies(apart, neighbors[j], groups[j]))
            else:
                errors.append(np.abs(times[i] - time[neighbors[j]]))
    errors = np.concatenate(errors).astype(np.float64)
    return TimeError(
        float(errors.mean()), float(np.median(errors)), errors.size
    )
