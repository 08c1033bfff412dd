from collections.abc import Sequence

import numpy as np

from ..embeddings.checks import check_sequences
from .pair import Alignment, align_pair


def anomaly_score(
    sequence: np.ndarray, references: Sequence[np.ndarray]
) -> np.ndarray:
    """Say of every frame how much it departs from how it is done.

    The sequence is aligned with every reference by dynamic time warping. A
    frame's distance is the largest of the pairs that it is in: where a part
    was left out, one frame has to stand for all of it, and where a part was
    done backwards or otherwise, the order of the path forces unlike frames
    together. With two references or more it is divided by what the other
    references depart from each reference at the moments it is paired with,
    so that moments where performers differ anyway do not stand out. The mean
    over the references is the score.

    Args:
        sequence (np.ndarray): (T, D).
        references (Sequence[np.ndarray]): How it is done: arrays of shape
            (T_i, D).

    Returns:
        np.ndarray: (T,) float64, not negative. About 1 is usual with two
        references or more; with a single one it is a squared distance.

    Raises:
        ValueError: If there is no reference, or :func:`align_pair` refuses a
            sequence.
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
    """For every reference, what others depart from its frames, (T_i,)."""
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
        # Where references happen to be equal nothing would be usual.
        floor = max(np.median(departures), np.finfo(np.float64).tiny)
        usual.append(np.maximum(departures, floor / 2))
    return usual


def _largest(alignment: Alignment) -> np.ndarray:
    """The largest distance of the pairs of every frame of the first."""
    starts = np.flatnonzero(np.diff(alignment.path[:, 0], prepend=-1))
    return np.maximum.reduceat(alignment.distances, starts)
