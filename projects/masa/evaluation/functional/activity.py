from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...embeddings.checks import (
    check_at_least_one,
    check_same_length,
    check_sequences,
)
from ...embeddings.copies import frame_groups, mean_over_copies
from ...embeddings.neighbors import nearest_frames
from .classifiers import fit_predict


class Separation(NamedTuple):
    """How well clips of different activities lie apart.

    Attributes:
        nearest_neighbor (float): Accuracy of the nearest training clip's
            label, in [0, 1].
        ami (float): Adjusted mutual information of clusters and labels, at
            most 1, about 0 by chance.
    """

    nearest_neighbor: float
    ami: float


def uniform_frames(num_frames: int, length: int) -> np.ndarray:
    """Choose frames uniformly, the first and the last among them.

    Args:
        num_frames (int): How many, n >= 1.
        length (int): Length of the clip, T >= 1; a shorter clip than n has
            frames that come up more than once.

    Returns:
        np.ndarray: Indices in [0, T), (n,) int64, ascending.
    """
    return np.linspace(0, length - 1, num_frames).round().astype(np.int64)


def phase_runs(phases: np.ndarray) -> list[tuple[int, int, int]]:
    """Cut a sequence where its phase changes.

    Args:
        phases (np.ndarray): Phase of every frame, (T,) integers, negative
            where unknown.

    Returns:
        list[tuple[int, int, int]]: (start, stop, phase) of every run of one
        known phase, in order.
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
    """Classify clips from the embeddings of a few of their frames.

    ``num_frames`` frames are taken uniformly from every clip and their
    embeddings concatenated; a classifier is fitted on the training clips.

    Args:
        train_embeddings (Sequence[np.ndarray]): Training clips, arrays of
            shape (T_i, D).
        train_labels (Sequence[int]): Class of every training clip.
        val_embeddings (Sequence[np.ndarray]): Clips to classify.
        num_frames (int): Frames of a clip, at least 1.
        estimator (str): 'logistic' or 'svc'.

    Returns:
        np.ndarray: Predicted class of every clip.

    Raises:
        ValueError: If an argument is out of its range, there are no training
            clips, shapes do not agree or an embedding is not finite.
    """
    check_at_least_one('num_frames', num_frames)
    train = check_sequences(train_embeddings, 'train_embeddings')
    val = check_sequences(val_embeddings, 'val_embeddings')
    check_same_length(train, train_labels, 'train_labels')
    if not (train and val):
        raise ValueError(
            'training clips and clips to classify are expected, '
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
    """Measure how well :func:`predict_actions` does (MASA, Sec. 4.3).

    Args:
        train_embeddings (Sequence[np.ndarray]): Training clips, arrays of
            shape (T_i, D).
        train_labels (Sequence[int]): Class of every training clip.
        val_embeddings (Sequence[np.ndarray]): Evaluated clips.
        val_labels (Sequence[int]): Their classes.
        num_frames (int): Frames of a clip, at least 1.
        estimator (str): 'logistic' or 'svc'.

    Returns:
        float: Accuracy over clips, in [0, 1].

    Raises:
        ValueError: As :func:`predict_actions`.
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
    """Give every clip the label of the nearest training clip.

    A clip is the mean of its frames; of equally near ones the first decides.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Label of every clip of the gallery.
        val_embeddings (Sequence[np.ndarray]): Clips to label.

    Returns:
        np.ndarray: A label for every clip.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.
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
    """Say of every clip whether the nearest training clip has its label.

    Where several training clips are the same point, the share of them that
    has it: their order in the gallery decides nothing.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Label of every clip of the gallery.
        val_embeddings (Sequence[np.ndarray]): Evaluated clips.
        val_labels (Sequence[int]): Their labels.

    Returns:
        np.ndarray: (V,) float64 in [0, 1].

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.
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


def activity_separation(
    train_embeddings: Sequence[np.ndarray],
    train_labels: Sequence[int],
    val_embeddings: Sequence[np.ndarray],
    val_labels: Sequence[int],
    seed: int = 0,
) -> Separation:
    """Measure how well activities lie apart.

    Nearest neighbour: :func:`nearest_clip_hits`. Clusters: k-means on the
    evaluated clips alone, with as many clusters as they have activities, the
    best of ten seeded starts.

    Args:
        train_embeddings (Sequence[np.ndarray]): Gallery, arrays of shape
            (T_i, D).
        train_labels (Sequence[int]): Activity of every clip of the gallery.
        val_embeddings (Sequence[np.ndarray]): Evaluated clips.
        val_labels (Sequence[int]): Their activities.
        seed (int): Seed of k-means.

    Returns:
        Separation: Accuracy and adjusted mutual information.

    Raises:
        ValueError: If shapes do not agree or an embedding is not finite.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score

    hits = nearest_clip_hits(
        train_embeddings, train_labels, val_embeddings, val_labels
    )
    clips = _clip_means(val_embeddings, 'val_embeddings')
    # k-means cannot make more clusters than there are different clips.
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
    # Rounded to float32, so that clips of the same constant frames are equal
    # whatever their lengths: lengths would tell activities apart.
    return np.stack(
        [
            clip.mean(axis=0, dtype=np.float64).astype(np.float32)
            for clip in check_sequences(embeddings, name)
        ]
    )
