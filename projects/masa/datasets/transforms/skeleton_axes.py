import numpy as np


def turn_upright(side: np.ndarray) -> np.ndarray:
    """Rotation about the vertical that brings a sequence's side to x.

    Args:
        side (np.ndarray): From the right to the left of the body,
            ``(T, 3)``, y being vertical.

    Returns:
        np.ndarray: Rotation matrix, ``(3, 3)``. The identity if the side has
        no horizontal part.
    """
    x, _, z = side.mean(0)
    length = np.hypot(x, z)
    if length == 0:
        return np.eye(3)
    cos, sin = x / length, z / length
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def turn_each_frame(side: np.ndarray, torso: np.ndarray) -> np.ndarray:
    """Rotation of every frame that brings its torso to z and its side to x.

    Args:
        side (np.ndarray): From the right to the left of the body, ``(T, 3)``.
        torso (np.ndarray): From the lower end to the upper, ``(T, 3)``.

    Returns:
        np.ndarray: Rotation matrices, ``(T, 3, 3)``. The identity where the
        torso has no length or the side lies along it.
    """
    up_length = np.linalg.norm(torso, axis=-1, keepdims=True)
    up = torso / np.where(up_length > 0, up_length, 1)
    across = side - (side * up).sum(-1, keepdims=True) * up
    across_length = np.linalg.norm(across, axis=-1, keepdims=True)
    across = across / np.where(across_length > 0, across_length, 1)
    turns = np.stack([across, np.cross(up, across), up], axis=1)
    degenerate = (up_length * across_length)[:, 0] == 0
    turns[degenerate] = np.eye(3)
    return turns
