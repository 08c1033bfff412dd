from collections.abc import Sequence

import numpy as np

from ..embeddings.checks import check_sequences
from .pair import align_pair


def transfer_labels(
    labelled: np.ndarray,
    labels: np.ndarray,
    others: Sequence[np.ndarray],
    method: str = 'dtw',
) -> list[np.ndarray]:
    """Carry the labels of one sequence's frames over to others.

    Args:
        labelled (np.ndarray): Embeddings of the labelled sequence, (T, D).
        labels (np.ndarray): Its labels, (T,), of any type.
        others (Sequence[np.ndarray]): Arrays of shape (T_i, D).
        method (str): Of :func:`align_pair`. ``dtw`` keeps the labels'
            order; ``nearest`` lets phases come in another one.

    Returns:
        list[np.ndarray]: (T_i,) of the labels' type for every other one.

    Raises:
        ValueError: If there is not one label a frame, or :func:`align_pair`
            refuses a sequence or the method.
    """
    labelled, *others = check_sequences([labelled, *others])
    labels = np.asarray(labels)
    if labels.shape != (len(labelled),):
        raise ValueError(
            f'one label is expected for each of the {len(labelled)} frames, '
            f'but the labels have the shape {labels.shape}'
        )
    return [
        labels[align_pair(other, labelled, method).match_first()]
        for other in others
    ]
