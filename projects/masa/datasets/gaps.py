import numpy as np


def fill_invisible_joints(
    keypoint: np.ndarray,
    visible: np.ndarray,
    flip_pairs: list[list[int]],
    mean_pose: np.ndarray | None,
) -> np.ndarray:
    """Fill in the positions of invisible joints.

    A joint is interpolated over time if it is visible before and after; else
    it gets the position of its mirror joint (visible or interpolated), behind
    which it is hidden in a side view; else its position in the mean pose,
    moved and scaled to the known joints of the frame. A frame without any
    known joint is copied from the nearest frame with one. Without a mean pose
    a joint stays where it is seen next or was seen last, and one that is never
    seen is put at the mean of the others.

    Args:
        keypoint (np.ndarray): Positions, ``(T, V, C)``; those of invisible
            joints are ignored.
        visible (np.ndarray): Which joints are visible, ``(T, V)``, bool.
        flip_pairs (list[list[int]]): Pairs of mirror joints.
        mean_pose (np.ndarray, optional): ``(V, C)``, in any position and
            scale; see :func:`mean_visible_pose`.

    Returns:
        np.ndarray: ``(T, V, C)`` float64, equal to ``keypoint`` where
        visible.

    Raises:
        ValueError: If no joint is visible in any frame, or the shapes differ.

    Example:
        >>> joints = np.array([[[0.0]], [[9.0]], [[4.0]]])
        >>> visible = np.array([[True], [False], [True]])
        >>> fill_invisible_joints(joints, visible, [], joints[0]).ravel()
        array([0., 2., 4.])
    """
    frames, joints, _ = keypoint.shape
    if visible.shape != (frames, joints):
        raise ValueError(
            f'visible is expected to have the shape {(frames, joints)}, '
            f'but has {visible.shape}'
        )
    if not visible.any():
        raise ValueError(
            f'none of the {joints} joints is visible in any of the {frames} '
            'frames'
        )
    filled = np.where(visible[..., None], keypoint, np.nan).astype(np.float64)
    time = np.arange(frames)
    for joint in range(joints):
        seen = np.flatnonzero(visible[:, joint])
        if len(seen) < 2:
            continue
        between = slice(seen[0], seen[-1] + 1)
        for axis in range(keypoint.shape[2]):
            filled[between, joint, axis] = np.interp(
                time[between], seen, keypoint[seen, joint, axis]
            )
    mirror = np.arange(joints)
    for left, right in flip_pairs:
        mirror[[left, right]] = right, left
    filled = np.where(np.isnan(filled), filled[:, mirror], filled)
    missing = np.isnan(filled[..., 0])
    if mean_pose is None:
        filled = _hold(filled, missing)
    else:
        filled = np.where(
            missing[..., None], _place_pose(mean_pose, filled), filled
        )
    empty = missing.all(1)
    if empty.any():
        filled = filled[_nearest_of(np.flatnonzero(~empty), time)]
    return np.where(visible[..., None], keypoint, filled)


def _hold(frames: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Put missing joints where they are seen nearest in time.

    Those that are never seen get the mean of the others.
    """
    held = frames.copy()
    time = np.arange(len(frames))
    for joint in np.flatnonzero(missing.any(0) & ~missing.all(0)):
        nearest = _nearest_of(np.flatnonzero(~missing[:, joint]), time)
        held[:, joint] = frames[nearest, joint]
    never = missing.all(0)
    held[:, never] = held[:, ~never].mean(1, keepdims=True)
    return held


def _nearest_of(known: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the nearest known time, the earlier of two, (T,)."""
    # A (T, T) matrix for half an hour of video would take 23 GB.
    position = np.searchsorted(known, times)
    later = known[np.minimum(position, len(known) - 1)]
    earlier = known[np.maximum(position - 1, 0)]
    return np.where(times - earlier <= np.abs(later - times), earlier, later)


def _place_pose(pose: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Move and scale a pose to the known joints of every frame.

    Least squares over these joints; a frame with a single one gets the median
    scale.
    """
    known = ~np.isnan(frames[..., :1])  # (T, V, 1)
    count = known.sum(1, keepdims=True).clip(1)
    target = np.where(known, frames, 0)
    target_mean = target.sum(1, keepdims=True) / count
    pose_mean = np.where(known, pose, 0).sum(1, keepdims=True) / count
    pose_part = np.where(known, pose - pose_mean, 0)
    spread = np.square(pose_part).sum((1, 2))
    product = (pose_part * np.where(known, frames - target_mean, 0)).sum(
        (1, 2)
    )
    usable = (spread > 0) & (product > 0)
    scale = np.where(usable, product / np.where(usable, spread, 1), np.nan)
    usual = np.median(scale[usable]) if usable.any() else 1.0
    scale = np.where(usable, scale, usual)[:, None, None]
    return target_mean + scale * (pose - pose_mean)


def mean_visible_pose(
    keypoints: list[np.ndarray],
    visibles: list[np.ndarray],
    root: list[int],
    torso: list[list[int]],
) -> np.ndarray:
    """Average the frames in which root and torso are visible, (V, C).

    Each joint is averaged where it is visible, with the mean of the ``root``
    joints at the origin and the two ends of the ``torso``, lists of joints, at
    distance 1. Elements of ``keypoints`` are (T, V, C), those of ``visibles``
    (T, V), bool. Raises ValueError if a joint is visible in none of these
    frames.
    """
    points = np.concatenate(keypoints).astype(np.float64)
    seen = np.concatenate(visibles)
    upper, lower = torso
    length = np.linalg.norm(
        points[:, upper].mean(1) - points[:, lower].mean(1), axis=-1
    )
    usable = seen[:, [*root, *upper, *lower]].all(1) & (length > 0)
    points, seen, length = points[usable], seen[usable], length[usable]
    points = points - points[:, root].mean(1, keepdims=True)
    points /= length[:, None, None]
    count = seen.sum(0)
    if not count.all():
        raise ValueError(
            f'joints {np.flatnonzero(count == 0).tolist()} are visible in '
            'none of the frames that show the root and the torso, so that no '
            'mean pose can be made'
        )
    return np.where(seen[..., None], points, 0).sum(0) / count[:, None]
