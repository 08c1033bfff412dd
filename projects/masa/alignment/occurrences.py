from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..datasets.parts import Part
from ..embeddings.checks import check_sequences
from ..support.argument_checks import check_above_zero
from .occurrence_search import MOMENTS, EmbedParts, OccurrenceSearch
from .pair import mean_distance
from .path_costs import mean_path_costs
from .resampling import resample

# Several references that are much alike lower the threshold to this many costs
# between those that differ most, but by a half at most.
MARGIN = 1.5
# How much the squared distance of mean embeddings counts if wrong executions
# are looked for. It tells people and postures apart, more than movements.
LENIENT_OFFSET = 0.25


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


def find_occurrences(
    references: Sequence[np.ndarray],
    recording: np.ndarray,
    tolerance: float = 0.1,
    lengths: Sequence[float] | None = None,
    embed_parts: EmbedParts | None = None,
    lenient: bool = False,
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
            frame; None of a part that cannot be an occurrence. Defaults to
            cutting ``recording``.
        lenient (bool): Whether to find executions that went wrong, too:
            several references do not lower the threshold, and of the squared
            distance of mean embeddings a quarter counts. Other activities are
            then found more often. Costs are those of what counts. Defaults
            to False.

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
    threshold = _threshold(references, tolerance, lenient)

    def embed(parts: Sequence[Part]) -> Iterator[np.ndarray | None]:
        if embed_parts is None:
            found = [recording[start:end] for start, end in parts]
        else:
            found = embed_parts(parts)
        return (
            one if one is None else resample(one, MOMENTS) for one in found
        )

    search = OccurrenceSearch(
        references,
        len(recording),
        float(np.median(lengths)),
        threshold,
        embed,
        LENIENT_OFFSET if lenient else 1.0,
    )
    found = search.run()
    if found:
        search.add_example(found[0])
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


def _threshold(
    references: list[np.ndarray], tolerance: float, lenient: bool
) -> float:
    """Find the largest cost of an occurrence."""
    threshold = tolerance * float(
        np.mean([mean_distance(one, one) for one in references])
    )
    if len(references) == 1 or lenient:
        return threshold
    costs = [mean_path_costs(np.stack(references), one) for one in references]
    return min(threshold, max(MARGIN * np.max(costs), threshold / 2))
