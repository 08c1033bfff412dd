"""Directions from which bodies in 3D are shown."""

import numpy as np

# By degrees that the camera is turned from the front.
VIEWS = {0: 'the front', 45: 'half left', 90: 'the left'}


def best_view(first: np.ndarray, second: np.ndarray) -> int:
    """Choose the direction in which bodies differ most.

    Args:
        first (np.ndarray): Joints, x to the person's left, y up, z to the
            front, (..., V, 3), such as those of
            :func:`~masa.alignment.joint_angles.body_joints`.
        second (np.ndarray): What they differ from, likewise.

    Returns:
        int: One of ``VIEWS``.

    Example:
        >>> import numpy as np
        >>> best_view(np.zeros((1, 3)), np.array([[0, 0, 1.0]]))
        90
    """
    apart = np.subtract(first, second)
    return max(VIEWS, key=lambda one: np.nansum(np.abs(view_from(apart, one))))


def view_from(joints: np.ndarray, degrees: float) -> np.ndarray:
    """See bodies in 3D from one direction.

    Args:
        joints (np.ndarray): As for :func:`best_view`.
        degrees (float): How far the camera is turned from the front to the
            person's left.

    Returns:
        np.ndarray: (..., V, 2): x, to the right of the picture; y, up.

    Example:
        >>> import numpy as np
        >>> view_from(np.array([[0.0, 1.0, 2.0]]), 90).tolist()
        [[-2.0, 1.0]]
    """
    angle = np.radians(degrees)
    x, y, z = np.moveaxis(joints, -1, 0)
    return np.stack([np.cos(angle) * x - np.sin(angle) * z, y], -1)
