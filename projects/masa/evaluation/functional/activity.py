from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ...embeddings.checks import (
    check_same_length,
    check_sequences,
)
from ...embeddings.copies import frame_groups, mean_over_copies
from ...embeddings.neighbors import nearest_frames
from ...support.argument_checks import check_one_or_more
from .classifiers import fit_predict


class Separation(NamedTuple):
    """How well embeddings separate activities.

    Attributes:
        nearest_neighbor (float): Accuracy of the label of the nearest
            training sequence, in [0, 1].
        ami (float): Adjusted mutual information of clusters and labels, at
            most 1, about 0 by chance.
    """

    nearest_neighbor: float
    ami: float


def uniform_frames(num_frames: int, length: int) -> np.ndarray:
    """Sample frames uniformly, including the first and the last.

    Args:
        num_frames (int): Number of frames, n >= 1.
        length (int): Length of the sequence, T >= 1. Frames are repeated if
            it is below n.

    Returns:
        np.ndarray: Indices in [0, T), (n,) int64, ascending.

    Example:
        >>> from masa.evaluation.functional import uniform_frames
        >>> uniform_frames(4, length=10).tolist()
        [0, 3, 6, 9]
    """
    return np.linspace(0, length - 1, num_frames).round().astype(np.int64)


def phase_runs(phases: np.ndarray) -> list[tuple[int, int, int]]:
    """Divide a sequence into runs of one phase.

    Args:
        phases (np.ndarray): Phase of every frame, (T,) integers, negative
            where unknown.

    Returns:
        list[tuple[int, int, int]]: (start, stop, phase) of every run of one
        known phase, in order.

    Example:
        >>> from masa.evaluation.functional import phase_runs
        >>> phase_runs([0, 0, 1, -1, 1])
        [(0, 2, 0), (2, 3, 1), (4, 5, 1)]
    """
    phases = np.asarray(phases)
    starts = np.flatnonzero(np.diff(phases, prepend=phases[:1] - 1))
    stops = np.append(starts[1:], len(phases))
    return [
        (int(start), int(stop), int(phases[start]))
        for start, stop in zip(starts, stops, strict=True)
        if phases[start] >= 0
    ]


def predict_actions(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
    num_frames: int = 16,
    estimator: str = 'logistic',
) -> np.ndarray:
    """Classify sequences from the embeddings of uniformly sampled frames.

    The embeddings of ``num_frames`` frames of a sequence are concatenated,
    and a classifier is fitted on the training sequences.

    Args:
        train_embeddings (Sequence[np.ndarray]): Training sequences, arrays
            of shape (T_i, D).
        train_labels (Sequence[int]): Class of every training sequence.
        val_embeddings (Sequence[np.ndarray]): Sequences to classify.
        num_frames (int): Number of frames sampled, at least 1.
        estimator (str): 'logistic' or 'svc'.

    Returns:
        np.ndarray: Predicted class of every sequence.

    Raises:
        ValueError: If an argument is out of its range, there are no training
            sequences, shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import predict_actions
        >>> rising, falling = np.arange(4)[:, None], -np.arange(4)[:, None]
        >>> predict_actions([rising, falling], [0, 1], [2 * falling]).tolist()
        [1]
    """
    check_one_or_more(num_frames=num_frames)
    train = check_sequences(train_embeddings, 'train_embeddings')
    val = check_sequences(val_embeddings, 'val_embeddings')
    check_same_length(train, train_labels, 'train_labels')
    if not (train and val):
        raise ValueError(
            'training sequences and sequences to classify are expected, '
            f'but got {len(train)} and {len(val)}'
        )
    train, val = (
        np.stack(
            [c[uniform_frames(num_frames, len(c))].ravel() for c in clips]
        )
        for clips in (train, val)
    )
    return fit_predict(estimator, train, np.asarray(train_labels), val)


def action_recognition_accuracy(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
    val_labels: Sequence[int],
    num_frames: int = 16,
    estimator: str = 'logistic',
) -> float:
    """Compute the accuracy of :func:`predict_actions` (MASA, Sec. 4.3).

    Args:
        train_embeddings (Sequence[np.ndarray]): Training sequences, arrays
            of shape (T_i, D).
        train_labels (Sequence[int]): Class of every training sequence.
        val_embeddings (Sequence[np.ndarray]): Evaluated sequences.
        val_labels (Sequence[int]): Their classes.
        num_frames (int): Number of frames sampled, at least 1.
        estimator (str): 'logistic' or 'svc'.

    Returns:
        float: Accuracy over sequences, in [0, 1].

    Raises:
        ValueError: As :func:`predict_actions`.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import action_recognition_accuracy
        >>> up, down = np.arange(4)[:, None], -np.arange(4)[:, None]
        >>> action_recognition_accuracy([up, down], [0, 1], [up, up], [0, 1])
        0.5
    """
    check_same_length(val_embeddings, val_labels, 'val_labels')
    predicted = predict_actions(
        train_embeddings, train_labels, val_embeddings, num_frames, estimator
    )
    return float((predicted == np.asarray(val_labels)).mean())


def nearest_clip_labels(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
) -> np.ndarray:
    """Label every sequence as its nearest neighbor in the training set.

    A sequence is represented by the mean of its frames. Of equally near
    neighbors the first one decides.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Label of every sequence of the gallery.
        val_embeddings (Sequence[np.ndarray]): Sequences to label.

    Returns:
        np.ndarray: A label for every sequence.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import nearest_clip_labels
        >>> gallery = [np.zeros((3, 2)), np.ones((5, 2))]
        >>> nearest_clip_labels(gallery, [7, 8], [np.full((2, 2), 0.9)]).item()
        8
    """
    check_same_length(train_embeddings, train_labels, 'train_labels')
    gallery = _clip_means(train_embeddings, 'train_embeddings')
    clips = _clip_means(val_embeddings, 'val_embeddings')
    return np.asarray(train_labels)[nearest_frames(clips, [gallery])[:, 0]]


def nearest_clip_hits(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
    val_labels: Sequence[int],
) -> np.ndarray:
    """Compare every label with that of the nearest training sequence.

    If several training sequences are the same point, the result is the share
    of them with the right label, so that their order does not matter.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Label of every sequence of the gallery.
        val_embeddings (Sequence[np.ndarray]): Evaluated sequences.
        val_labels (Sequence[int]): Their labels.

    Returns:
        np.ndarray: 1 for equal labels, 0 for different ones, or a share of
        copies, (V,) float64.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import nearest_clip_hits
        >>> gallery = [np.zeros((3, 2)), np.zeros((5, 2)), np.ones((5, 2))]
        >>> queries = [np.zeros((4, 2)), np.ones((4, 2))]
        >>> nearest_clip_hits(gallery, [0, 1, 1], queries, [1, 1]).tolist()
        [0.5, 1.0]
    """
    check_same_length(train_embeddings, train_labels, 'train_labels')
    check_same_length(val_embeddings, val_labels, 'val_labels')
    gallery = _clip_means(train_embeddings, 'train_embeddings')
    clips = _clip_means(val_embeddings, 'val_embeddings')
    return mean_over_copies(
        np.asarray(val_labels)[:, None] == np.asarray(train_labels),
        nearest_frames(clips, [gallery])[:, 0],
        frame_groups(gallery),
    )


def nearest_other_hits(
    embeddings: Sequence[np.ndarray], labels: Sequence[int]
) -> np.ndarray:
    """Compare every label with that of the nearest other sequence.

    This is :func:`nearest_clip_hits` with all other sequences as the
    gallery, for sets that have no training sequences.

    Args:
        embeddings (Sequence[np.ndarray]): V >= 2 arrays of shape (T_i, D).
        labels (Sequence[int]): Their labels.

    Returns:
        np.ndarray: 1 for equal labels, 0 for different ones, or a share of
        copies, (V,) float64.

    Raises:
        ValueError: If there are fewer than two sequences, shapes do not
            agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import nearest_other_hits
        >>> clips = [np.full((3, 2), value) for value in (0.0, 0.1, 5.0)]
        >>> nearest_other_hits(clips, [0, 0, 1]).tolist()
        [1.0, 1.0, 0.0]
    """
    check_same_length(embeddings, labels, 'labels')
    if len(embeddings) < 2:
        raise ValueError(
            f'two sequences or more are expected, but got {len(embeddings)}'
        )
    clips = _clip_means(embeddings, 'embeddings')
    distances = cdist(clips, clips, 'sqeuclidean')
    np.fill_diagonal(distances, np.inf)
    groups = frame_groups(clips)
    nearest = groups[distances.argmin(axis=1)][:, None] == groups
    np.fill_diagonal(nearest, False)
    labels = np.asarray(labels)
    right = nearest & (labels[:, None] == labels)
    return right.sum(axis=1) / nearest.sum(axis=1)


def activity_separation(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
    val_labels: Sequence[int],
    seed: int = 0,
) -> Separation:
    """Measure how well embeddings separate activities, without a probe.

    The nearest-neighbor accuracy is the mean of :func:`nearest_clip_hits`.
    The clusters come from k-means on the evaluated sequences alone, with as
    many clusters as they have activities, the best of ten seeded starts.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Activity of every sequence of the
            gallery.
        val_embeddings (Sequence[np.ndarray]): Evaluated sequences.
        val_labels (Sequence[int]): Their activities.
        seed (int): Seed of k-means.

    Returns:
        Separation: Accuracy and adjusted mutual information.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.

    Example:
        >>> import numpy as np
        >>> from masa.evaluation.functional import activity_separation
        >>> clips = [np.full((3, 2), value) for value in (0.0, 0.1, 5.0, 5.1)]
        >>> activity_separation(clips, [0, 0, 1, 1], clips, [0, 0, 1, 1]).ami
        1.0
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score

    hits = nearest_clip_hits(
        train_embeddings, train_labels, val_embeddings, val_labels
    )
    clips = _clip_means(val_embeddings, 'val_embeddings')
    # There cannot be more clusters than distinct points.
    num_clusters = min(
        len(np.unique(val_labels)), len(np.unique(clips, axis=0))
    )
    clusters = KMeans(num_clusters, n_init=10, random_state=seed).fit_predict(
        clips
    )
    return Separation(
        float(hits.mean()),
        float(adjusted_mutual_info_score(val_labels, clusters)),
    )


def _clip_means(embeddings, name):
    # Rounding to float32 makes sequences of the same constant frames equal
    # whatever their lengths, which could otherwise tell activities apart.
    return np.stack(
        [
            clip.mean(axis=0, dtype=np.float64).astype(np.float32)
            for clip in check_sequences(embeddings, name)
        ]
    )
