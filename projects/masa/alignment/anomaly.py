from collections.abc import Sequence

import numpy as np

from ..embeddings.checks import check_sequences
from .pair import Alignment, align_pair


def anomaly_score(
    sequence: np.ndarray, references: Sequence[np.ndarray]
) -> np.ndarray:
    """Score how much every frame departs from reference sequences.

    The sequence is aligned with every reference by dynamic time warping. The
    distance of a frame is the largest of its pairs on the path. Where a part
    is missing, one frame is paired with all of it; where a part is done
    backwards or differently, the order of the path pairs unlike frames. With
    two references or more, the distance is divided by the distance at which
    the other references lie from the paired frame, so that moments at which
    performers differ anyway do not stand out. The score is the mean over the
    references.

    Args:
        sequence (np.ndarray): The sequence to score, (T, D).
        references (Sequence[np.ndarray]): Sequences of the usual execution,
            arrays of shape (T_i, D).

    Returns:
        np.ndarray: (T,) float64, not negative. With two references or more,
        about 1 is usual; with a single one the score is a squared distance.

    Raises:
        ValueError: If there is no reference, or :func:`align_pair` rejects a
            sequence.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import anomaly_score
        >>> usual, unusual = np.array([[0.0], [1], [2]]), [[0.0], [4], [2]]
        >>> anomaly_score(unusual, [usual, usual + 0.5]).round(1).tolist()
        [6.5, 12.5, 0.5]
    """
    sequence, *references = check_sequences([sequence, *references])
    if not references:
        raise ValueError('at least one reference is expected, but got none')
    usual = _usual_distances(references)
    scores = []
    for reference, scale in zip(references, usual, strict=True):
        alignment = align_pair(sequence, reference)
        relative = alignment.distances / scale[alignment.path[:, 1]]
        scores.append(_largest(alignment._replace(distances=relative)))
    return np.mean(scores, axis=0)


def _usual_distances(references: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Distances of the other references from every frame, (T_i,) each."""
    if len(references) == 1:
        return [np.ones(len(references[0]))]
    usual = []
    for i, reference in enumerate(references):
        departures = np.mean(
            [
                _largest(align_pair(reference, other))
                for j, other in enumerate(references)
                if j != i
            ],
            axis=0,
        )
        # Equal references must not make the divisor 0.
        floor = max(np.median(departures), np.finfo(np.float64).tiny)
        usual.append(np.maximum(departures, floor / 2))
    return usual


def _largest(alignment: Alignment) -> np.ndarray:
    """Largest distance of every frame of the first sequence to its pairs."""
    starts = np.flatnonzero(np.diff(alignment.path[:, 0], prepend=-1))
    return np.maximum.reduceat(alignment.distances, starts)
