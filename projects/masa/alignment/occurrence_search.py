"""The search of :func:`~masa.alignment.find_occurrences`."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy

from ..datasets.parts import Part
from .path_costs import mean_path_costs, squared_distances

# At how many moments a reference is compared.
MOMENTS = 48
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

# Embeds parts of a recording, each on its own; None of those that show nobody.
EmbedParts = Callable[[Sequence[Part]], Iterable[np.ndarray | None]]
# Stands for the embedding of nobody: nothing costs as much.
FAR = 1e3


class Candidate(NamedTuple):
    """A part of a recording that may be an occurrence.

    Attributes:
        start (int): Its first frame.
        end (int): The frame after its last one.
        cost (float): Mean squared distance to what is nearest to it, of the
            references and the examples.
        own_cost (float): To the reference nearest to it.
        reference (int): Which one that is.
    """

    start: int
    end: int
    cost: float
    own_cost: float
    reference: int


class OccurrenceSearch:
    """Search of references in a recording.

    Args:
        references (list[np.ndarray]): (MOMENTS, D) float64 each.
        frames (int): Of the recording.
        length (float): Usual number of its frames in an execution.
        threshold (float): Largest cost of an occurrence.
        embed (Callable): Embeds parts of it, (MOMENTS, D) each, or None.
        offset (float): How much the squared distance of the mean embeddings
            of two executions counts of their cost, in (0, 1].
    """

    def __init__(
        self,
        references: list[np.ndarray],
        frames: int,
        length: float,
        threshold: float,
        embed: EmbedParts,
        offset: float,
    ):
        self.references = references
        # Of what else is like them.
        self.examples: list[np.ndarray] = []
        self.frames = frames
        self.length = length
        self.threshold = threshold
        self.embed = embed
        self.offset = offset
        self._embedded: dict[Part, np.ndarray] = {}
        self._series, self._step = self._blend()

    def add_example(self, candidate: Candidate) -> None:
        """Take what was found as a further example.

        Args:
            candidate (Candidate): Of :meth:`run`.
        """
        found = self._embedded[candidate.start, candidate.end]
        self.examples.append(found.astype(np.float64))

    def run(self) -> list[Candidate]:
        """Find what matches the references.

        Returns:
            list[Candidate]: Those that hardly overlap and are best together,
            the cheapest first.
        """
        candidates = [
            one
            for one in self._candidates()
            if one.cost <= PROMISING * self.threshold
        ]
        return best_together(self._refine(candidates), self.threshold)

    def _candidates(self) -> list[Candidate]:
        """Find where references fit at a steady tempo, the cheapest first."""
        parts, costs = [], []
        for reference in (*self.references, *self.examples):
            # Its rows are read several times.
            distances = np.ascontiguousarray(
                squared_distances(self._series, reference).T
            )
            mean = reference.mean(0)
            for tempo in TEMPOS:
                for start, cost in zip(
                    *self._lowest(distances, mean, tempo), strict=True
                ):
                    first = round(start * self._step)
                    last = first + round(self.length * tempo)
                    last = min(last, self.frames)
                    if last - first >= SHORTEST * self.length:
                        parts.append((first, last))
                        costs.append(cost)
        return self._with_costs(_without_same(parts, costs))

    def _lowest(
        self, distances: np.ndarray, mean: np.ndarray, tempo: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the moments at which a reference fits best at one tempo.

        Args:
            distances (np.ndarray): Of its moments to those of the recording,
                (MOMENTS, M).
            mean (np.ndarray): The mean over its moments, (D,).
            tempo (float): Moments of the recording in one of the reference.

        Returns:
            tuple[np.ndarray, np.ndarray]: First moments and costs.
        """
        offsets = np.round(np.arange(MOMENTS) * tempo).astype(int)
        count = distances.shape[1] - offsets[-1]
        if count <= 0:
            return np.empty(0, int), np.empty(0)
        costs = np.zeros(count)
        for row, offset in zip(distances, offsets, strict=True):
            costs += row[offset : offset + count]
        costs /= MOMENTS
        if self.offset < 1:
            differences = self._means(offsets[-1] + 1) - mean
            costs -= (1 - self.offset) * np.square(differences).sum(1)
        apart = 2 * round(APART * MOMENTS * tempo) + 1
        lowest = scipy.ndimage.minimum_filter1d(costs, apart, mode='nearest')
        plausible = costs <= PLAUSIBLE * self.threshold
        starts = np.flatnonzero((costs == lowest) & plausible)
        return starts, costs[starts]

    def _means(self, moments: int) -> np.ndarray:
        """Return the means over so many moments from each one on, (M', D)."""
        return (self._sums[moments:] - self._sums[:-moments]) / moments

    @cached_property
    def _sums(self) -> np.ndarray:
        return np.insert(self._series.cumsum(0), 0, 0, axis=0)

    def _refine(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Move the ends of candidates to where they cost least."""
        refined = list(candidates)
        for share in SHIFTS:
            parts, owners = [], []
            for owner, one in enumerate(refined):
                shift = max(1, round(share * (one.end - one.start)))
                for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    start, end = one.start + i * shift, one.end + j * shift
                    if (
                        start >= 0
                        and end <= self.frames
                        and end - start >= max(1, SHORTEST * self.length)
                    ):
                        parts.append((start, end))
                        owners.append(owner)
            for owner, one in zip(
                owners, self._with_costs(parts), strict=True
            ):
                refined[owner] = min(refined[owner], one, key=_cost)
        return refined

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
        for part, embedding in zip(parts, self.embed(parts), strict=True):
            if embedding is None:
                continue
            first, end = np.searchsorted(places, part)
            # Rounding may add one at the end.
            end = min(end, first + MOMENTS)
            moments = (places[first:end] - part[0]) / step
            weight = np.minimum(moments + 1, MOMENTS - moments)
            blend[first:end] += weight[:, None] * embedding[: end - first]
            weights[first:end] += weight
        covered = weights > 0
        blend[covered] /= weights[covered, None]
        blend[~covered] = FAR
        # Rounding may also leave the last place to no window.
        count = 1 + np.flatnonzero(covered).max(initial=-1)
        return blend[:count], step

    def _with_costs(self, parts: Sequence[Part]) -> list[Candidate]:
        """Embed parts, and align each with references and examples."""
        new = [
            part for part in dict.fromkeys(parts) if part not in self._embedded
        ]
        for part, embedding in zip(new, self.embed(new), strict=True):
            if embedding is None:
                embedding = np.full_like(self.references[0], FAR)
            self._embedded[part] = embedding.astype(np.float32)
        if not parts:
            return []
        embeddings = _less_offset(
            np.stack([self._embedded[part] for part in parts]), self.offset
        )
        known = [
            _less_offset(one, self.offset)
            for one in (*self.references, *self.examples)
        ]
        costs = np.stack([mean_path_costs(embeddings, one) for one in known])
        own = costs[: len(self.references)]
        return [
            Candidate(*part, *values)
            for part, *values in zip(
                parts,
                costs.min(0).tolist(),
                own.min(0).tolist(),
                own.argmin(0).tolist(),
                strict=True,
            )
        ]


def _less_offset(embeddings: np.ndarray, offset: float) -> np.ndarray:
    """Shrink what two executions differ in all the time.

    Args:
        embeddings (np.ndarray): Of one or several executions, (..., T, D).
        offset (float): How much the squared distance of means shall count, in
            (0, 1].

    Returns:
        np.ndarray: Of the same shape: the mean over the moments is multiplied
        by the square root of ``offset``.
    """
    if offset == 1:
        return embeddings
    less = 1 - offset**0.5
    return embeddings - less * embeddings.mean(-2, keepdims=True)


def _without_same(parts: Sequence[Part], costs: Sequence[float]) -> list[Part]:
    """Leave out what is nearly a cheaper one; the cheapest come first."""
    starts, ends = np.array(parts, dtype=np.int64).reshape(-1, 2).T
    order = np.argsort(costs, kind='stable')
    different = []
    while len(order):
        first, order = order[0], order[1:]
        different.append(parts[first])
        common = np.minimum(ends[order], ends[first])
        common = (common - np.maximum(starts[order], starts[first])).clip(0)
        both = ends[order] - starts[order] + ends[first] - starts[first]
        order = order[common <= SAME * (both - common)]
    return different


def _cost(candidate: Candidate) -> float:
    return candidate.cost


def best_together(
    candidates: Sequence[Candidate], threshold: float
) -> list[Candidate]:
    """Choose candidates that hardly overlap.

    Weighted interval scheduling: the sum of the squares of threshold minus
    cost is largest.

    Args:
        candidates (Sequence[Candidate]): The candidates.
        threshold (float): Cost of those that are worth nothing.

    Returns:
        list[Candidate]: Those chosen, the cheapest first.
    """
    candidates = [one for one in candidates if one.cost < threshold]

    def cut(candidate: Candidate) -> tuple[float, float]:
        slack = SLACK * (candidate.end - candidate.start)
        return candidate.start + slack, candidate.end - slack

    candidates.sort(key=lambda one: cut(one)[1])
    ends = [cut(one)[1] for one in candidates]
    # Of the first k: the largest sum, and the choice that has it.
    sums: list[float] = [0.0]
    chosen: list[list[Candidate]] = [[]]
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
