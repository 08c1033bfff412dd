from itertools import product

import numpy as np

from ..embeddings import EmbeddedSequence

# RGB colors for color-blind readers (Okabe and Ito, 2008).
LEFT = (0, 114, 178)
RIGHT = (213, 94, 0)
MIDDLE = (0, 158, 115)
COLORS = dict(left=LEFT, right=RIGHT, middle=MIDDLE)
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
        keypoint (np.ndarray): Joints in pixels, (V, 2); of P people,
            concatenated, (P * V, 2).
        skeleton (dict): ``joints`` and ``bones``.
        score (np.ndarray, optional): Scores, (V,) or (P * V,). A bone with a
            joint of score 0 is drawn gray, or not at all if the joint is at
            exactly 0, which stands for no position.

    Returns:
        np.ndarray: The image.
    """
    thickness = max(1, round(min(image.shape[:2]) / 150))
    limits = np.array(image.shape[1::-1]) * 4
    points = np.clip(known_positions(keypoint, score), -limits, limits)
    names = skeleton['joints']
    for bone, offset in product(
        skeleton['bones'], range(0, len(points), len(names))
    ):
        color = COLORS[bone_side(skeleton, bone[1])]
        joints = [joint + offset for joint in bone]
        if np.isnan(points[joints]).any():
            continue
        if score is not None and (np.asarray(score)[joints] <= 0).any():
            color = UNSEEN
        _draw_line(image, *points[joints], color, thickness)
    return image


def bone_side(skeleton: dict, end: int) -> str:
    """Tell the side of a bone, which has a color.

    Args:
        skeleton (dict): ``joints``, their names, and ``flip_pairs``, which
            tell where names do not.
        end (int): The joint at its far end.

    Returns:
        str: ``left``, ``right`` or ``middle``, a key of ``COLORS``.
    """
    sides = 'left', 'right'
    name = skeleton['joints'][end]
    for side in sides:
        if side in name:
            return side
    for pair in skeleton.get('flip_pairs') or ():
        if end in pair:
            return sides[list(pair).index(end)]
    return 'middle'


def known_positions(
    keypoint: np.ndarray, score: np.ndarray | None
) -> np.ndarray:
    """Put NaN for joints that were not found and have no position.

    Args:
        keypoint (np.ndarray): Joints, (..., V, C).
        score (np.ndarray, optional): Scores, (..., V).

    Returns:
        np.ndarray: The joints; those of score 0 at exactly 0 are NaN.
    """
    if score is None:
        return keypoint
    unknown = (keypoint == 0).all(-1) & (np.asarray(score) <= 0)
    return np.where(unknown[..., None], np.nan, keypoint)


def _draw_line(
    image: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    color: tuple[int, int, int],
    thickness: float,
) -> None:
    """Draw a smooth line between two points (x, y) into an image."""
    # A pixel at the edge of the line is colored in part.
    radius = thickness / 2 + 0.5
    low = np.floor(np.minimum(first, second) - radius).clip(0).astype(int)
    high = np.ceil(np.maximum(first, second) + radius).clip(0).astype(int)
    region = image[low[1] : high[1] + 1, low[0] : high[0] + 1]
    y, x = np.indices(region.shape[:2])
    from_first = np.stack([x, y], -1) + low - first
    line = second - first
    length = max(line @ line, np.finfo(float).tiny)
    share = (from_first @ line / length).clip(0, 1)[..., None]
    distance = np.linalg.norm(from_first - share * line, axis=-1)
    opacity = (radius - distance).clip(0, 1)[..., None]
    region[:] = np.round(region + opacity * (np.array(color) - region))


def flatten_poses(keypoint: np.ndarray, up_axis: str = '-y') -> np.ndarray:
    """Project poses to the frontal plane.

    Args:
        keypoint (np.ndarray): Joints, (T, V, 2) or (T, V, 3); V may count
            those of several people.
        up_axis (str): Axis that points up: ``y``, ``-y`` (as in images and
            camera coordinates) or ``z``.

    Returns:
        np.ndarray: Image coordinates, (T, V, 2), y down.

    Raises:
        ValueError: If ``up_axis`` is unknown, or ``z`` for 2D joints.
    """
    axes = {'-y': (0, 1, 1), 'y': (0, 1, -1), 'z': (0, 2, -1)}
    if up_axis not in axes or max(axes[up_axis][:2]) >= keypoint.shape[-1]:
        raise ValueError(
            f'up_axis is expected to be one of {list(axes)}, an axis of the '
            f'{keypoint.shape[-1]}D joints, but got {up_axis!r}'
        )
    across, up, sign = axes[up_axis]
    return np.stack([keypoint[..., across], sign * keypoint[..., up]], -1)


def draw_sequence(sequence: EmbeddedSequence, height: int) -> list[np.ndarray]:
    """Draw the joints of a sequence on a plain background.

    Args:
        sequence (EmbeddedSequence): A sequence with joints and their layout.
        height (int): Height and width of the images in pixels.

    Returns:
        list[np.ndarray]: T images; see :func:`draw_poses`.
    """
    keypoint, skeleton = sequence.keypoint, sequence.skeleton
    is_flat = keypoint.shape[-1] == 2
    up_axis = '-y' if is_flat else skeleton.get('up_axis') or '-y'
    poses = flatten_poses(keypoint, up_axis)
    return draw_poses(poses, skeleton, height, sequence.keypoint_score)


def draw_poses(
    keypoint: np.ndarray,
    skeleton: dict,
    height: int,
    score: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Draw the poses of a sequence on a plain background.

    Args:
        keypoint (np.ndarray): Result of :func:`flatten_poses`, (T, V, 2), or
            (T, P * V, 2) for P people.
        skeleton (dict): ``joints`` and ``bones``.
        height (int): Height and width of the images in pixels.
        score (np.ndarray, optional): Scores, (T, V) or (T, P * V).

    Returns:
        list[np.ndarray]: T images, RGB, (height, height, 3) uint8, all in one
        scale, with the person in the center.
    """
    keypoint = known_positions(keypoint, score)
    # Where no joint is known, nothing is drawn.
    known = ~np.isnan(keypoint).all(axis=(1, 2))
    center = np.full((len(keypoint), 2), np.nan)
    lowest = np.nanmin(keypoint[known], axis=1)
    highest = np.nanmax(keypoint[known], axis=1)
    center[known] = (lowest + highest) / 2
    sizes = (highest - lowest).max(axis=1)
    size = np.percentile(sizes, 95) if known.any() else 0.0
    scale = 0.8 * height / max(size, float(np.finfo(np.float32).tiny))
    placed = (keypoint - center[:, None]) * scale + height / 2
    images = []
    for t, pose in enumerate(placed):
        image = np.full((height, height, 3), PAPER, np.uint8)
        seen = None if score is None else score[t]
        images.append(draw_bones(image, pose, skeleton, seen))
    return images
