from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from ...embeddings.checks import (
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
from ...support.argument_checks import check_choice, check_one_or_more


class TauScore(NamedTuple):
    """Kendall's tau of a set of sequences.

    Attributes:
        tau (float): Mean over the pairs, in [-1, 1]; NaN without a pair.
        nan_fraction (float): Share of the pairs whose tau is undefined
            because all neighbors are one frame; NaN without a pair.
        num_pairs (int): Number of ordered pairs.
    """

    tau: float
    nan_fraction: float
    num_pairs: int


class TransferScore(NamedTuple):
    """How well key events are transferred between sequences.

    Attributes:
        median (float): Median deviation as a share of the length, in [0, 1).
        within (float): Share of the events transferred within the tolerance.
        num_events (int): Number of transferred events; if it is 0 the other
            values are NaN.
    """

    median: float
    within: float
    num_events: int


class TimeDeviation(NamedTuple):
    """Distance between the ground-truth times of matched frames.

    Attributes:
        mean (float): Mean over all frames of all pairs, in canonical frames.
        median (float): Median over the same frames.
        num_frames (int): Number of matched frames; if it is 0 the other
            values are NaN.
    """

    mean: float
    median: float
    num_frames: int


def kendalls_tau(
    embeddings: Sequence[np.ndarray], stride: int = 1, nan: str = 'zero'
) -> TauScore:
    """Compute Kendall's tau of nearest neighbors over pairs of sequences.

    For every ordered pair of sequences, every ``stride``-th frame of the
    first is matched to the nearest such frame of the second. The result is
    the mean over pairs of tau-b between the order of the queries and that of
    their neighbors (TCC, Dwibedi et al. 2019). If all neighbors are one
    frame, as in a collapsed embedding, tau is undefined. The reference
    implementations drop such pairs, which lets a half-collapsed model score
    1; here they count as 0.

    Two queries with the same neighbor are a tie, which tau-b discounts: ties
    are unavoidable if the second sequence is shorter. A tie between frames
    that are copies of each other, as queries or as neighbors, is not
    discounted, as they have no order to find. An embedding of two values,
    one for each half of the activity, scores 0.5.

    Sequences with fewer than two frames after the stride are left out.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        stride (int): Step between the frames used, at least 1.
        nan (str): Treatment of undefined pairs: 'zero', or 'drop' as in the
            reference implementations, which discounts all ties, too.

    Returns:
        TauScore: tau, share of undefined pairs, number of pairs.

    Raises:
        ValueError: If an argument is out of its range, or an embedding is
            not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import kendalls_tau
        >>> walk = np.arange(6)[:, None]
        >>> kendalls_tau([walk, walk / 2]).tau
        0.894
    """
    check_one_or_more(stride=stride)
    check_choice('nan', nan, ('zero', 'drop'))
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
    """Compute tau-b of each row of (P, n) against 0 .. n - 1.

    ``copied``, (P, n), marks neighbors that have copies; ``groups``, (n,),
    numbers the queries, copies of each other alike.
    """
    num_rows, length = order.shape
    # Time comes first and integers are narrow, so that values that are
    # compared together are contiguous.
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
    """Count the ties of every row that are due to copies, (P,).

    Two queries have the same neighbor, and it has copies or they are copies
    themselves. Another choice among the copies would have ordered them.
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
    # Number of equal values before each one, in the order of the values.
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
    method: str = 'nearest',
) -> TransferScore:
    """Measure how well key events are transferred to other sequences.

    A key event is the first frame of a phase that follows another phase.
    For every ordered pair (A, B) and every event that both have, A's event
    frame is transferred to its nearest frame in B, or to the frame that
    dynamic time warping pairs with it (the middle one of several, as in
    :meth:`~masa.alignment.Alignment.match_first`). The deviation is the
    distance of that frame from B's own event as a share of B's length.

    Warping follows the order of the frames, and so aligns frames without
    content nearly as their times do. Copies of a frame must not gain from
    it: if the event frame or the frame that it is transferred to has copies
    in its sequence, the values are means over all copies of the event frame
    and of what they are transferred to. This puts a collapsed embedding at
    the level of a frame drawn at random.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        phases (Sequence[np.ndarray]): Phase of every frame, integer arrays
            of shape (T_i,), negative where unknown.
        tolerance (float): Largest deviation that counts as a success, a
            share of the length.
        method (str): 'nearest' or 'dtw'.

    Returns:
        TransferScore: Median deviation, share within the tolerance, number
        of events.

    Raises:
        ValueError: If the method is unknown, shapes do not agree or an
            embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import key_event_transfer_error
        >>> walks = [np.arange(10)[:, None], np.arange(10)[:, None] + 2]
        >>> phases = [np.repeat([0, 1], 5), np.repeat([0, 1], 5)]
        >>> key_event_transfer_error(walks, phases).median
        0.2
        >>> key_event_transfer_error(walks, phases, method='dtw').median
        0.2
    """
    check_choice('method', method, sorted(TRANSFERS))
    sequences = check_sequences(embeddings)
    phases = check_frame_values(phases, sequences)
    sources, events, frames = [], [], []
    for number, phase in enumerate(phases):
        for event, frame in _key_events(phase).items():
            sources.append(number)
            events.append(event)
            frames.append(frame)
    if not events:
        return TransferScore(np.nan, np.nan, 0)
    sources, events, frames = map(np.array, (sources, events, frames))
    kinds, kind = np.unique(events, return_inverse=True)
    # Frame of every kind of event in every sequence, NaN for none.
    truth = np.full((len(kinds), len(sequences)), np.nan)
    truth[kind, sources] = frames
    groups = [frame_groups(sequence) for sequence in sequences]
    # Of each event, all copies of its frame.
    copies = [
        np.flatnonzero(groups[s] == groups[s][t])
        for s, t in zip(sources, frames, strict=True)
    ]
    counts = np.array([len(group) for group in copies])
    found = TRANSFERS[method](
        sequences, np.repeat(sources, counts), np.concatenate(copies)
    )  # (copies of events, V)
    starts = np.cumsum(counts) - counts
    errors = np.empty((len(events), len(sequences)))
    within = np.empty_like(errors)
    for number, group in enumerate(groups):
        apart = np.abs(np.arange(len(group)) - truth[kind, number, None])
        apart /= len(group)
        for values, of_frames in (
            (errors, apart),
            (within, apart <= tolerance),
        ):
            means = mean_over_copies(
                np.repeat(of_frames, counts, axis=0), found[:, number], group
            )
            values[:, number] = np.add.reduceat(means, starts) / counts
    errors[np.arange(len(sources)), sources] = np.nan
    known = ~np.isnan(errors)
    if not known.any():
        return TransferScore(np.nan, np.nan, 0)
    return TransferScore(
        float(np.median(errors[known])),
        float(within[known].mean()),
        int(known.sum()),
    )


def _nearest_transfer(
    sequences: Sequence[np.ndarray], sources: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Match frames of some sequences to those of every sequence, (Q, V)."""
    queries = np.stack(
        [sequences[s][t] for s, t in zip(sources, frames, strict=True)]
    )
    return nearest_frames(queries, sequences)


def _warped_transfer(
    sequences: Sequence[np.ndarray], sources: np.ndarray, frames: np.ndarray
) -> np.ndarray:
    """Match frames as :func:`_nearest_transfer`, by time warping."""
    # Training does not need it.
    from ...alignment.warping import matched_frames, warping_path

    sequences = [
        np.ascontiguousarray(sequence, np.float64) for sequence in sequences
    ]
    # Those of a sequence itself are not judged.
    found = np.zeros((len(frames), len(sequences)), dtype=np.int64)
    for i, j in combinations(np.unique(sources), 2):
        path = warping_path(sequences[i], sequences[j])
        for source, other, pairs in ((i, j, path), (j, i, path[:, ::-1])):
            asking = sources == source
            found[asking, other] = matched_frames(
                pairs, len(sequences[source])
            )[frames[asking]]
    return found


TRANSFERS = {'nearest': _nearest_transfer, 'dtw': _warped_transfer}


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
) -> TimeDeviation:
    """Measure how far apart in ground-truth time matched frames are.

    For every ordered pair of sequences, the deviation is |canonical time of
    a frame - canonical time of its nearest neighbor|, over all frames of all
    pairs. If the neighbor has copies, it is the mean over all of them.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, arrays
            of shape (T_i, D).
        canonical_times (Sequence[np.ndarray]): Ground-truth time of every
            frame on the activity's common time axis, arrays of shape (T_i,),
            in canonical frames.

    Returns:
        TimeDeviation: Mean, median, number of matched frames.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import alignment_error
        >>> time = np.arange(10)
        >>> alignment_error([time[:, None], time[:, None] + 2], [time, time])
        TimeDeviation(mean=1.7, median=2.0, num_frames=20)
    """
    sequences = check_sequences(embeddings)
    times = check_frame_values(canonical_times, sequences, 'canonical_times')
    if len(sequences) < 2:
        return TimeDeviation(np.nan, np.nan, 0)
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
    return TimeDeviation(
        float(errors.mean()), float(np.median(errors)), errors.size
    )
