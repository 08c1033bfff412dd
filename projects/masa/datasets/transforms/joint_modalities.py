"""Work out what :class:`PackSequenceInputs` packs beside the joints."""

import numpy as np

from .checks import name_of


def velocities(keypoint: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return velocities (..., M, T, V, C) in torso lengths per frame.

    ``index``, (T,), are the frames' places in the original sequence.
    """
    if len(index) < 2:
        return np.zeros(keypoint.shape)
    # In half precision neighboring frames may be equal. What is not finite
    # among the joints is told later.
    with np.errstate(invalid='ignore'):
        return np.gradient(
            keypoint.astype(np.float64), index.astype(np.float64), axis=-3
        )


def missing_joints(
    view: dict, keypoint: np.ndarray, results: dict
) -> np.ndarray:
    """Return which joints of a view were not found, (..., M, T, V) bool.

    A KeyError says that there are no scores, a ValueError that they are not
    those of the joints.
    """
    score = view.get('keypoint_score')
    if score is None:
        raise KeyError(
            "PackSequenceInputs requires 'keypoint_score' for 'missing', but "
            f'sequence {name_of(results)} has none'
        )
    if score.shape != keypoint.shape[:-1]:
        raise ValueError(
            f"'keypoint_score' of sequence {name_of(results)} is expected to "
            f'have the shape {keypoint.shape[:-1]}, as its joints say, but '
            f'has {score.shape}'
        )
    return score <= 0


def hide(values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Copy ``(..., C)`` with zeros where ``(...)`` says so."""
    return np.where(hidden[..., None], values.dtype.type(0), values)


def directions(keypoint: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., M, T, E, C) along the bones, (E, 2)."""
    first, second = bones.T
    # In half precision the squares of small numbers are 0.
    joints = keypoint.astype(np.float64)
    # What is not finite among the joints is told later.
    with np.errstate(invalid='ignore'):
        vectors = joints[..., second, :] - joints[..., first, :]
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return np.divide(
            vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0
        )
