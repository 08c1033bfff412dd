from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy

# Of a stretch that stands out: how much faster or slower than the reference,
# beyond what other references are; and from where on something is skipped, or
# one stands still: the most extreme tenth of it is so much faster or slower
# than the whole, as its ends are smoothed, and a standstill so much longer.
UNUSUAL, STILL = 1.5, 2.5
# Beyond the fastest and the slowest other reference.
MARGIN = 1.25


class Pace(NamedTuple):
    """How two sequences proceed together, at N points of their alignment.

    Attributes:
        first (np.ndarray): Times of the first sequence, (N,), never
            decreasing.
        second (np.ndarray): Times of the second at the same points.
        log_tempo (np.ndarray): Natural logarithm of how fast the first goes
            through the second, (N,): 0 where both take the same time,
            log(2) where the first takes half of it.
    """

    first: np.ndarray
    second: np.ndarray
    log_tempo: np.ndarray


class Run(NamedTuple):
    """A stretch of an alignment.

    Attributes:
        kind (str): ``fast``, ``slow``, ``still`` (the first sequence stays at
            one moment of the second) or ``skipped`` (it leaves out a part of
            the second, or rushes through it).
        first (tuple[float, float]): Start and end in the first sequence.
        second (tuple[float, float]): Start and end in the second.
    """

    kind: str
    first: tuple[float, float]
    second: tuple[float, float]


def find_pace(
    path: np.ndarray, first: np.ndarray, second: np.ndarray, window: float
) -> Pace:
    """Compute the tempo along an alignment, smoothed.

    Points are evenly spaced in the sum of both times, which increases at
    every step, so that a pause in either sequence is as long as it takes.

    Args:
        path (np.ndarray): Pairs of frames of dynamic time warping, (P, 2).
        first (np.ndarray): Times of the first sequence's frames, (T,),
            strictly increasing, of any unit.
        second (np.ndarray): Times of the second's, (S,).
        window (float): Time of a sequence that the tempo is a mean of.

    Returns:
        Pace: The points. Slopes are bounded by those of a stretch in which
        one of both moves by 1% of the other.

    Example:
        >>> import numpy as np
        >>> path = np.stack([np.arange(9), np.arange(9)], 1)
        >>> find_pace(path, np.arange(9) / 2, np.arange(9), 1).log_tempo[0]
        0.693
    """
    at = np.stack([first[path[:, 0]], second[path[:, 1]]]).astype(np.float64)
    total = at.sum(0)
    steps = np.diff(total)
    if not steps.size:
        return Pace(*at, np.zeros(1))
    step = np.median(steps)
    number = max(2, round((total[-1] - total[0]) / step) + 1)
    places = np.linspace(total[0], total[-1], number)
    moved = np.stack([np.interp(places, total, times) for times in at])
    # The window is of each of both times, and a point counts both.
    size = min(max(1, round(2 * window / step)), number)
    slopes = scipy.ndimage.uniform_filter1d(
        np.gradient(moved, places, axis=1), size, mode='nearest'
    ).clip(0.01, 1)
    return Pace(*moved, np.log(slopes[1] / slopes[0]))


def find_runs(
    pace: Pace, low: np.ndarray, high: np.ndarray, least: float
) -> list[Run]:
    """Find the stretches in which one sequence is faster or slower.

    Args:
        pace (Pace): Of :func:`find_pace`.
        low (np.ndarray): Least usual ``log_tempo`` of every point, (N,).
        high (np.ndarray): Largest usual one.
        least (float): Least difference of the two sequences' times in a
            stretch, and between two of a kind, which are one otherwise.

    Returns:
        list[Run]: In their order.
    """
    side = (pace.log_tempo > high).astype(int) - (pace.log_tempo < low)
    edges = np.flatnonzero(np.diff(side, prepend=0, append=0))
    found: list[list[int]] = []
    for start, end in pairwise(edges):
        if not side[start]:
            continue
        if found and side[found[-1][0]] == side[start]:
            gap = [found[-1][1], start]
            if max(np.ptp(pace.first[gap]), np.ptp(pace.second[gap])) < least:
                found[-1][1] = end - 1
                continue
        found.append([start, end - 1])
    whole = np.log(max(np.ptp(pace.second), least))
    whole -= np.log(max(np.ptp(pace.first), least))
    runs = []
    for start, end in found:
        first, second = pace.first[[start, end]], pace.second[[start, end]]
        lasting, covered = np.ptp(first), np.ptp(second)
        if abs(lasting - covered) < least:
            continue
        tempo = side[start] * (pace.log_tempo[start : end + 1] - whole)
        extreme = np.percentile(tempo, 90) > np.log(STILL)
        if side[start] > 0:
            kind = 'skipped' if extreme else 'fast'
        else:
            is_still = extreme and lasting > STILL * covered
            kind = 'still' if is_still else 'slow'
        runs.append(Run(kind, tuple(first), tuple(second)))
    return runs


def usual_tempo(
    pace: Pace, others: list[Pace]
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the tempo by what other sequences show at the same moments.

    Args:
        pace (Pace): Of the sequence that is judged.
        others (list[Pace]): Of other sequences with the same second one.

    Returns:
        tuple[np.ndarray, np.ndarray]: Least and largest usual ``log_tempo``
        at the points of ``pace``, (N,) each.
    """
    low = np.full(len(pace.second), -np.log(UNUSUAL))
    high = -low
    for other in others:
        usual = np.interp(pace.second, other.second, other.log_tempo)
        low = np.minimum(low, usual - np.log(MARGIN))
        high = np.maximum(high, usual + np.log(MARGIN))
    return low, high
