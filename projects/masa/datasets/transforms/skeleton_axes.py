import numpy as np

from .checks import joint_list, name_of


def side_pairs(skeleton: dict, num_joints: int) -> np.ndarray:
    """Find the left and right joints that show which way a trunk faces.

    They are the flip pairs within the root and torso joints (shoulders and
    hips, where the torso is given as their means), else those whose both
    joints have a bone to one of them: pairs (left, right), (P, 2), int64. A
    ValueError says that there is no such pair.
    """
    pairs = [
        joint_list(pair, num_joints, 'flip_pairs')
        for pair in skeleton['flip_pairs']
    ]
    ends = [*skeleton['torso'], skeleton.get('root')]
    trunk = {
        joint
        for end in ends
        if end is not None
        for joint in joint_list(end, num_joints, 'torso')
    }
    chosen = [pair for pair in pairs if trunk.issuperset(pair)]
    if not chosen:
        bones = skeleton.get('bones')
        beside = {
            joint
            for bone in (() if bones is None else bones)
            if trunk.intersection(bone)
            for joint in bone
        }
        chosen = [pair for pair in pairs if beside.issuperset(pair)]
    if not chosen:
        raise ValueError(
            "the skeleton's 'flip_pairs' are expected to hold a pair within "
            "its 'torso' or linked to it by 'bones', which shows the way the "
            f'body faces, but got {skeleton["flip_pairs"]}'
        )
    return np.array(chosen)


def turns_per_frame(
    up: np.ndarray, side: np.ndarray, up_axis: int, results: dict
) -> np.ndarray:
    """Return the rotations that stand a body upright, facing one way.

    They take ``up``, from the torso's lower end to the upper, to the up axis
    (1 for y, 2 for z), and the part of ``side``, from the body's right to its
    left, that is at right angles to it to the x axis; both are (T, 3). The
    result is (T, 3, 3), determinant 1. A frame whose axes are degenerate takes
    the rotation of the last good frame before it, or else of the first good
    one; a ValueError says that there is none.
    """
    height = np.linalg.norm(up, axis=1, keepdims=True)
    with np.errstate(invalid='ignore', divide='ignore'):
        up = up / height
        flat = side - (side * up).sum(1, keepdims=True) * up
        width = np.linalg.norm(flat, axis=1, keepdims=True)
        good = (width > 1e-4 * height)[:, 0]
        flat = flat / width
    if not good.any():
        raise ValueError(
            f'sequence {name_of(results)} is expected to show its torso and '
            'its shoulders or hips, not in line, in one frame at least'
        )
    turns = _basis(flat, up, up_axis)
    last = np.maximum.accumulate(np.where(good, np.arange(len(good)), -1))
    return turns[np.where(last < 0, np.argmax(good), last)]


def turn_of_sequence(
    side: np.ndarray, up_axis: int, results: dict
) -> np.ndarray:
    """Return the rotation about the vertical that faces a body one way.

    It takes the horizontal part of the mean over frames of ``side``,
    (..., T, 3), from the body's right to its left, to the x axis. The result
    is (..., 1, 3, 3), determinant 1. A ValueError says that this mean has no
    horizontal part.
    """
    flat = side.mean(-2, keepdims=True)
    flat[..., up_axis] = 0
    width = np.linalg.norm(flat, axis=-1, keepdims=True)
    least = 1e-6 * np.abs(side).max((-2, -1), keepdims=True)
    if not (width > least).all():
        raise ValueError(
            f'sequence {name_of(results)} is expected to face one way on the '
            'whole, but the mean of the axis through its shoulders or hips '
            f'has the horizontal length {width.min()}'
        )
    up = np.zeros_like(flat)
    up[..., up_axis] = 1
    return _basis(flat / width, up, up_axis)


def _basis(x: np.ndarray, up: np.ndarray, up_axis: int) -> np.ndarray:
    """Rotations whose rows are ``x``, and ``up`` at the row ``up_axis``."""
    rows = [x, up, np.cross(x, up)]
    if up_axis == 2:
        rows = [x, np.cross(up, x), up]
    return np.stack(rows, axis=-2)
