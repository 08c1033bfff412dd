from collections.abc import Sequence

import numpy as np

from ..embeddings.checks import check_sequences
from ..support.argument_checks import check_choice
from .pair import align_pair


def transfer_labels(
    labelled: np.ndarray,
    labels: np.ndarray,
    others: Sequence[np.ndarray],
    method: str = 'dtw',
) -> list[np.ndarray]:
    """Transfer the frame labels of one sequence to others by alignment.

    Args:
        labelled (np.ndarray): Embeddings of the labelled sequence, (T, D).
        labels (np.ndarray): Its labels, (T,), of any type.
        others (Sequence[np.ndarray]): Sequences to label, arrays of shape
            (T_i, D).
        method (str): ``dtw``, which keeps the order of the labels, or
            ``nearest``, which allows any order. A frame that ``partial``
            leaves unmatched would have no label.

    Returns:
        list[np.ndarray]: Labels of every sequence, (T_i,), of the same type.

    Raises:
        ValueError: If there is not one label per frame, the method is
            another, or :func:`align_pair` rejects a sequence.

    Example:
        >>> import numpy as np
        >>> from masa.alignment import transfer_labels
        >>> first, second = np.array([[0.0], [3]]), np.array([[0.0], [1], [2]])
        >>> transfer_labels(first, ['down', 'up'], [second])[0].tolist()
        ['down', 'down', 'up']
    """
    check_choice('method', method, ('dtw', 'nearest'))
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
