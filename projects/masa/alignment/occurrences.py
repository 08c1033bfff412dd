from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.spatial.distance import cdist

from ..embeddings.checks import check_sequences
from ..support.argument_checks import check_above_zero
from .pair import mean_distance
from .resampling import resample
from .warping import path_distances, warping_path

# At how many moments a reference is compared.
MOMENTS = 48
# Several references that are much alike lower the threshold to this many costs
# between those that differ most, but by a half at most.
MARGIN = 1.5
# Durations of candidates, before they are refined, in those of the reference.
TEMPOS = (0.5, 0.7, 1.0, 1.4, 2.0)
# Of the same, the shortest that is found.
SHORTEST = 0.4
# Candidates of one duration begin so many durations apart at least.
APART = 0.2
# Up to so many thresholds by the blended windows, a candidate is embedded on
# its own; and up to so many then, it is refined, by shifts of both ends by
# shares of the duration.
PLAUSIBLE, PROMISING = 6.0, 2.0
SHIFTS = (0.12, 0.06)
# Occurrences may share this part of their duration at each end: where one
# repetition ends and the next begins is not sharp.
SLACK = 0.1
# Of two candidates whose intersection is more of their union, the cheaper.
SAME = 0.5

# Embeds parts of a recording, first frame and the one after the last, each on
# its own.
EmbedParts = Callable[[Sequence[tuple[int, int]]], Sequence[np.ndarray]]


class Occurrence(NamedTuple):
    """A stretch of a recording that matches a reference.

    Attributes:
        start_frame (int): Its first frame.
        end_frame (int): The frame after its last one.
        score (float): How well it matches, in (0, 1]: 1 if it equals the
            reference, 0.5 at the threshold; ``2 ** -(cost / threshold)``. It
            may be below 0.5 if it is like the best occurrence.
        cost (float): Mean squared distance to the reference along their
            alignment.
        reference (int): Position of the reference that it is nearest to.
        start (float, optional): Time of its first frame in seconds; None if
            unknown.
        end (float, optional): Time of its last frame in seconds.
        mirrored (bool): Whether it matches the mirrored reference.
    """

    start_frame: int
    end_frame: int
    score: float
    cost: float
    reference: int
    start: float | None = None
    end: float | None = None
    mirrored: bool = False


class _Candidate(NamedTuple):
    start: int
    end: int
    # To what it is compared with, and to the reference nearest to it.
    cost: float
    own_cost: float
    reference: int

    def shares(self, other: '_Candidate') -> float:
        """Return the intersection over the union of two candidates."""
        common = min(self.end, other.end) - max(self.start, other.start)
        both = self.end - self.start + other.end - other.start - common
        return max(common, 0) / both


def find_occurrences(
    references: Sequence[np.ndarray],
    recording: np.ndarray,
    tolerance: float = 0.1,
    lengths: Sequence[float] | None = None,
    embed_parts: EmbedParts | None = None,
) -> list[Occurrence]:
    """Find where a recording shows what references show.

    A reference is laid over the recording at every place, at steady tempos
    from half to twice its own, and the places where it fits best are
    candidates. Each is then embedded on its own, if ``embed_parts`` is given,
    and its ends are moved to where dynamic time warping with a reference
    costs least. Of the candidates below the threshold those are returned that
    do not overlap and for which the sum of ``(threshold - cost) ** 2`` is
    largest: two repetitions go before what lies between them, and one that
    fits well goes before two that hardly fit. Repetitions of one person, seen
    by one camera, are more alike than those of several: the best occurrence
    becomes a reference, too, and the search is repeated.

    Args:
        references (Sequence[np.ndarray]): Embeddings of one or several
            executions, arrays of shape (R_i, D).
        recording (np.ndarray): Embeddings of the recording, (T, D). With
            ``embed_parts`` its values are not used.
        tolerance (float): The threshold, the largest cost of an occurrence,
            in mean squared distances between the frames of a reference. A
            pose that is held has a cost of 0.5 at least. Several references
            that are much alike lower the threshold, by a half at most.
            Defaults to 0.1.
        lengths (Sequence[float], optional): How long the references last in
            frames of the recording. Defaults to their own numbers of frames.
        embed_parts (Callable, optional): Embeds parts of the recording, each
            on its own, as :meth:`masa.apis.AlignmentInferencer.embed_parts`
            does, for models whose embeddings depend on what lies around a
            frame. Defaults to cutting ``recording``.

    Returns:
        list[Occurrence]: The best first; without seconds.

    Raises:
        ValueError: If there is no reference, the arrays are not (T, D) finite
            numbers of one width, a reference does not change, or the
            tolerance or a length is not above 0.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import find_occurrences
        >>> bump = np.sin(np.linspace(0, np.pi, 20))[:, None]
        >>> still = np.zeros((15, 1))
        >>> recording = np.concatenate([still, bump, still, bump, still])
        >>> len(find_occurrences([bump], recording))
        2
    """
    recording, *references = check_sequences([recording, *references])
    if not references:
        raise ValueError('at least one reference is expected, but got none')
    check_above_zero(tolerance=tolerance)
    if lengths is None:
        lengths = [len(reference) for reference in references]
    check_above_zero(**{f'lengths[{i}]': n for i, n in enumerate(lengths)})
    for i, reference in enumerate(references):
        if not np.ptp(reference, axis=0).any():
            raise ValueError(
                'a reference is expected to change, but all frames of '
                f'references[{i}] have the same embedding'
            )
    references = [
        resample(reference.astype(np.float64), MOMENTS)
        for reference in references
    ]
    threshold = _calibrate(references, tolerance)

    def embed(parts: Sequence[tuple[int, int]]) -> list[np.ndarray]:
        if embed_parts is None:
            found = [recording[start:end] for start, end in parts]
        else:
            found = embed_parts(parts)
        return [resample(one.astype(np.float64), MOMENTS) for one in found]

    search = _Search(
        references,
        len(recording),
        float(np.median(lengths)),
        threshold,
        embed,
    )
    found = search.run()
    if found:
        search.examples += embed([(found[0].start, found[0].end)])
        found = search.run()
    return [
        Occurrence(
            one.start,
            one.end,
            float(2 ** -(one.own_cost / threshold)),
            one.own_cost,
            one.reference,
        )
        for one in sorted(found, key=lambda one: one.own_cost)
    ]


def _calibrate(references: list[np.ndarray], tolerance: float) -> float:
    """Find the largest cost of an occurrence."""
    threshold = tolerance * float(
        np.mean([mean_distance(one, one) for one in references])
    )
    if len(references) == 1:
        return threshold
    costs = [_mean_cost(a, b) for a, b in combinations(references, 2)]
    return min(threshold, max(MARGIN * max(costs), threshold / 2))


class _Search:
    """Search of references in a recording.

    Args:
        references (list[np.ndarray]): (MOMENTS, D) each.
        frames (int): Of the recording.
        length (float): Usual number of its frames in an execution.
        threshold (float): Largest cost of an occurrence.
        embed (Callable): Embeds parts of it, (MOMENTS, D) each.
    """

    def __init__(
        self,
        references: list[np.ndarray],
        frames: int,
        length: float,
        threshold: float,
        embed: EmbedParts,
    ):
        self.references = references
        # Of what else is like them.
        self.examples: list[np.ndarray] = []
        self.frames = frames
        self.length = length
        self.threshold = threshold
        self.embed = embed
        self._series, self._step = self._blend()

    def run(self) -> list[_Candidate]:
        """Find what matches the references, the best first."""
        candidates = [
            self._refine(one)
            for one in self._candidates()
            if one.cost <= PROMISING * self.threshold
        ]
        return _best_together(candidates, self.threshold)

    def _candidates(self) -> list[_Candidate]:
        """Find where references fit at a steady tempo, the cheapest first."""
        series, step = self._series, self._step
        found = []
        for reference in (*self.references, *self.examples):
            distances = cdist(reference, series, 'sqeuclidean')
            for tempo in TEMPOS:
                offsets = np.round(np.arange(MOMENTS) * tempo).astype(int)
                starts = np.arange(len(series) - offsets[-1])
                if not len(starts):
                    continue
                costs = np.mean(
                    [
                        row[offset : offset + len(starts)]
                        for row, offset in zip(distances, offsets, strict=True)
                    ],
                    axis=0,
                )
                apart = 2 * round(APART * MOMENTS * tempo) + 1
                lowest = minimum_filter1d(costs, apart, mode='nearest')
                for start in np.flatnonzero(
                    (costs == lowest) & (costs <= PLAUSIBLE * self.threshold)
                ):
                    first = round(start * step)
                    last = min(first + round(self.length * tempo), self.frames)
                    if last - first < SHORTEST * self.length:
                        continue
                    cost = float(costs[start])
                    found.append(_Candidate(first, last, cost, cost, 0))
        different = _without_same(found)
        return self._with_costs([(one.start, one.end) for one in different])

    def _refine(self, candidate: _Candidate) -> _Candidate:
        """Move the ends of a candidate to where it costs least."""
        for share in SHIFTS:
            shift = max(1, round(share * (candidate.end - candidate.start)))
            parts = [
                (candidate.start + i * shift, candidate.end + j * shift)
                for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))
            ]
            parts = [
                (start, end)
                for start, end in parts
                if start >= 0
                and end <= self.frames
                and end - start >= max(1, SHORTEST * self.length)
            ]
            candidate = min([candidate, *self._with_costs(parts)], key=_cost)
        return candidate

    def _blend(self) -> tuple[np.ndarray, float]:
        """Embed overlapping windows that are as long as the references.

        Returns:
            tuple[np.ndarray, float]: Embeddings of moments of the recording,
            (M, D), each a mean over the windows that it is in, the more the
            nearer it is to their middles; and the frames between moments.
        """
        window = min(max(1, round(self.length)), self.frames)
        last = self.frames - window
        starts = sorted({*range(0, last, max(1, window // 2)), last})
        step = window / MOMENTS
        places = np.arange(0, self.frames, step)
        weights = np.zeros(len(places))
        blend = np.zeros((len(places), self.references[0].shape[1]))
        parts = [(start, start + window) for start in starts]
        for (start, end), embedding in zip(
            parts, self.embed(parts), strict=True
        ):
            inside = np.flatnonzero((places >= start) & (places < end))
            moments = (places[inside] - start) / step
            nearest = moments.astype(np.int64).clip(0, MOMENTS - 1)
            weight = np.minimum(moments + 1, MOMENTS - moments)
            blend[inside] += weight[:, None] * embedding[nearest]
            weights[inside] += weight
        return blend / weights[:, None], step

    def _with_costs(
        self, parts: Sequence[tuple[int, int]]
    ) -> list[_Candidate]:
        """Embed parts, and align each with references and examples."""
        found = []
        for (start, end), embedding in zip(
            parts, self.embed(parts), strict=True
        ):
            costs = [_mean_cost(embedding, one) for one in self.references]
            others = [_mean_cost(embedding, one) for one in self.examples]
            best = int(np.argmin(costs))
            cost = min([costs[best], *others])
            found.append(_Candidate(start, end, cost, costs[best], best))
        return found


def _without_same(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Leave out what is nearly a cheaper one."""
    different: list[_Candidate] = []
    for one in sorted(candidates, key=_cost):
        if all(one.shares(other) <= SAME for other in different):
            different.append(one)
    return different


def _cost(candidate: _Candidate) -> float:
    return candidate.cost


def _mean_cost(first: np.ndarray, second: np.ndarray) -> float:
    path = warping_path(first, second)
    return float(path_distances(first, second, path).mean())


def _best_together(
    candidates: Sequence[_Candidate], threshold: float
) -> list[_Candidate]:
    """Choose candidates that do not overlap, the best first.

    Weighted interval scheduling: the sum of the squares of threshold minus
    cost is largest.
    """
    candidates = [one for one in candidates if one.cost < threshold]

    def cut(candidate: _Candidate) -> tuple[float, float]:
        slack = SLACK * (candidate.end - candidate.start)
        return candidate.start + slack, candidate.end - slack

    candidates.sort(key=lambda one: cut(one)[1])
    ends = [cut(one)[1] for one in candidates]
    # Of the first k: the largest sum, and the choice that has it.
    sums: list[float] = [0.0]
    chosen: list[list[_Candidate]] = [[]]
    for one in candidates:
        before = int(
            np.searchsorted(ends[: len(sums) - 1], cut(one)[0], 'right')
        )
        total = sums[before] + (threshold - one.cost) ** 2
        if total > sums[-1]:
            sums.append(total)
            chosen.append([*chosen[before], one])
        else:
            sums.append(sums[-1])
            chosen.append(chosen[-1])
    return sorted(chosen[-1], key=_cost)
