from collections.abc import Sequence

import numpy as np


def forward_kinematics(
    turns: np.ndarray, bones: np.ndarray, parents: Sequence[int]
) -> np.ndarray:
    """Place the joints of a skeleton by the rotations of its joints.

    Args:
        turns (np.ndarray): Rotation matrix of every joint against its parent,
            that of the root against the world, (T, J, 3, 3).
        bones (np.ndarray): Where every joint is from its parent, before that
            turns, (J, 3) or (T, J, 3); of the root, where it is.
        parents (Sequence[int]): Parent of every joint, (J,); -1 of the root.
            A parent comes before its joints.

    Returns:
        np.ndarray: Positions of the joints, (T, J, 3).

    Example:
        >>> quarter = np.array([[[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]])
        >>> turns = np.stack([quarter, quarter], axis=1)
        >>> bones = np.array([[0, 0, 0], [2.0, 0, 0]])
        >>> forward_kinematics(turns, bones, [-1, 0])[0, 1].tolist()
        [0.0, 2.0, 0.0]
    """
    bones = np.broadcast_to(bones, (*turns.shape[:2], 3))
    whole, place = np.array(turns), np.array(bones, np.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            whole[:, joint] = whole[:, parent] @ turns[:, joint]
            place[:, joint] = place[:, parent] + np.einsum(
                'tij,tj->ti', whole[:, parent], bones[:, joint]
            )
    return place
