"""Which units positions in the picture have, and MediaPipe's landmarks."""

import numpy as np

from ..datasets.skeletons import BLAZEPOSE_33

# Meters between the middle of the hips and the origin of world landmarks,
# whose rounding is all that there is.
_AT_ORIGIN = 0.01
# Positions are shares of the picture if so many joints are within it, so many
# coordinates are positive and all are below the last number: of people whose
# feet are far below the picture, MediaPipe guesses these at 3.
_INSIDE, _POSITIVE, _FARTHEST = 0.25, 0.9, 10
# Depth in shares of the picture beside positions in pixels.
_LEAST_DEPTH = 0.02


def settle_units(
    keypoint: np.ndarray, skeleton: dict
) -> tuple[np.ndarray, dict, bool]:
    """Tell the units of joints from their values.

    MediaPipe's world landmarks, with the hips at the origin, are meters in 3D,
    y down. Its landmarks in the picture become 2D: their depth, of about the
    scale of x, is a guess. Other joints in 3D are left as they are.

    Args:
        keypoint (np.ndarray): (..., V, 2 or 3), NaN where not found.
        skeleton (dict): Layout of the joints.

    Returns:
        tuple[np.ndarray, dict, bool]: The joints; the layout, with
        ``up_axis`` only if that holds; and whether the positions are shares of
        the picture's width and height.
    """
    seen = keypoint[np.isfinite(keypoint).all(-1)]
    if not len(seen):
        return keypoint, skeleton, False
    flat = seen[:, :2]
    inside = bool(
        ((flat >= 0) & (flat <= 1)).all(1).mean() >= _INSIDE
        and (flat >= 0).mean() >= _POSITIVE
        and np.abs(flat).max() < _FARTHEST
    )
    if keypoint.shape[-1] == 2:
        return keypoint, skeleton, inside
    if skeleton['joints'] != BLAZEPOSE_33['joints']:
        return keypoint, skeleton, False
    hips = np.abs(keypoint[..., skeleton['root'], :].mean(-2)).max(-1)
    hips = hips[np.isfinite(hips)]
    if len(hips) and np.median(hips) < _AT_ORIGIN:
        return keypoint, skeleton, False
    if inside or np.ptp(seen[:, 2]) < _LEAST_DEPTH * np.ptp(flat, 0).max():
        return keypoint[..., :2], skeleton, inside
    unknown = {k: v for k, v in skeleton.items() if k != 'up_axis'}
    return keypoint, unknown, False
