"""The metrics as the reference codes compute them: pair by pair with SciPy."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau


def loop_tau(embeddings: Sequence[np.ndarray], stride: int) -> float:
    """Compute Kendall's tau as TCC, CASA and CARL do.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, (T, D).
        stride (int): Every how many frames one is taken.

    Returns:
        float: Mean over ordered pairs; a pair without a tau counts 0.
    """
    taus = []
    for i, queries in enumerate(embeddings):
        for j, candidates in enumerate(embeddings):
            if i != j:
                distances = cdist(
                    queries[::stride], candidates[::stride], 'sqeuclidean'
                )
                order = distances.argmin(axis=1)
                taus.append(kendalltau(np.arange(len(order)), order)[0])
    return float(np.mean(np.nan_to_num(taus)))


def loop_retrieval(
    embeddings: Sequence[np.ndarray],
    phases: Sequence[np.ndarray],
    number: int,
    ks: Sequence[int],
) -> np.ndarray:
    """Compute one sequence's AP@K as CARL does: frame by frame.

    Args:
        embeddings (Sequence[np.ndarray]): Sequences of one activity, (T, D).
        phases (Sequence[np.ndarray]): Phase of every frame, (T,).
        number (int): Which sequence has the queries.
        ks (Sequence[int]): Numbers of neighbours.

    Returns:
        np.ndarray: Precision by k.
    """
    others = [j for j in range(len(embeddings)) if j != number]
    candidates = np.concatenate([embeddings[j] for j in others])
    labels = np.concatenate([phases[j] for j in others])
    frames = []
    for frame, phase in zip(embeddings[number], phases[number], strict=True):
        distances = cdist(frame[None], candidates, 'sqeuclidean')
        nearest = labels[np.argsort(distances[0], kind='stable')]
        frames.append([np.mean(nearest[:k] == phase) for k in ks])
    return np.mean(frames, axis=0)
