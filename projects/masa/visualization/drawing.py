from itertools import product

import cv2
import numpy as np

# RGB colors that color-blind people can distinguish (Okabe and Ito, 2008).
LEFT = (0, 114, 178)
RIGHT = (213, 94, 0)
MIDDLE = (0, 158, 115)
UNSEEN = (160, 160, 160)
PAPER = (250, 250, 250)
INK = (40, 40, 40)


def draw_bones(
    image: np.ndarray,
    keypoint: np.ndarray,
    skeleton: dict,
    score: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a skeleton into an image.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8; changed in place.
        keypoint (np.ndarray): Joints in pixels, (V, 2), or of P people one
            after the other, (P * V, 2).
        skeleton (dict): ``joints`` and ``bones``.
        score (np.ndarray, optional): (V,) or (P * V,). A bone with an end of
            score 0, which was not seen, is grey.

    Returns:
        np.ndarray: The image.
    """
    thickness = max(1, round(min(image.shape[:2]) / 150))
    limits = np.array(image.shape[1::-1]) * 4
    # OpenCV's coordinates are 32 bits wide.
    points = np.clip(np.round(keypoint), -limits, limits).astype(int)
    names = skeleton['joints']
    for bone, offset in product(
        skeleton['bones'], range(0, len(points), len(names))
    ):
        ends = [names[joint] for joint in bone]
        if all('left' in name for name in ends[1:]):
            color = LEFT
        elif all('right' in name for name in ends[1:]):
            color = RIGHT
        else:
            color = MIDDLE
        joints = [joint + offset for joint in bone]
        if score is not None and (np.asarray(score)[joints] <= 0).any():
            color = UNSEEN
        first, second = (tuple(map(int, points[joint])) for joint in joints)
        cv2.line(image, first, second, color, thickness, cv2.LINE_AA)
    return image


def flatten_poses(keypoint: np.ndarray, up_axis: str = '-y') -> np.ndarray:
    """Look at poses from the front.

    Args:
        keypoint (np.ndarray): Joints, (T, V, 2) or (T, V, 3), V of several
            people side by side.
        up_axis (str): Which way is up: ``y``, ``-y`` (as in images and in
            cameras) or ``z``.

    Returns:
        np.ndarray: (T, V, 2), y down, as in images.

    Raises:
        ValueError: If ``up_axis`` is unknown, or ``z`` of 2D joints.
    """
    axes = {'-y': (0, 1, 1), 'y': (0, 1, -1), 'z': (0, 2, -1)}
    if up_axis not in axes or max(axes[up_axis][:2]) >= keypoint.shape[-1]:
        raise ValueError(
            f'up_axis is expected to be one of {list(axes)}, an axis of the '
            f'{keypoint.shape[-1]}D joints, but got {up_axis!r}'
        )
    across, up, sign = axes[up_axis]
    return np.stack([keypoint[..., across], sign * keypoint[..., up]], -1)


def draw_poses(
    keypoint: np.ndarray,
    skeleton: dict,
    height: int,
    score: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Draw the poses of a sequence on plain paper.

    Args:
        keypoint (np.ndarray): From :func:`flatten_poses`, (T, V, 2) or of P
            people (T, P * V, 2).
        skeleton (dict): ``joints`` and ``bones``.
        height (int): Of the images, pixels; they are as wide as high.
        score (np.ndarray, optional): (T, V) or (T, P * V).

    Returns:
        list[np.ndarray]: T images, RGB, (height, height, 3) uint8. The scale
        is one for all, so that the person stays of one size; and the person
        stays in the middle.
    """
    lowest, highest = keypoint.min(axis=1), keypoint.max(axis=1)
    center = (lowest + highest) / 2
    size = np.percentile((highest - lowest).max(axis=1), 95)
    scale = 0.8 * height / max(size, float(np.finfo(np.float32).tiny))
    placed = (keypoint - center[:, None]) * scale + height / 2
    images = []
    for t, pose in enumerate(placed):
        image = np.full((height, height, 3), PAPER, np.uint8)
        seen = None if score is None else score[t]
        images.append(draw_bones(image, pose, skeleton, seen))
    return images
