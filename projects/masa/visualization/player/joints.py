from collections.abc import Sequence

import numpy as np

from ...datasets.transforms.body_joints import turn_y_up
from ..drawing import bone_side, known_positions
from .tracks import Track

# Half of the larger side of what is shown, in the unit of the page's joints.
UNIT = 1000
# What is around the body, as a share of its size; without so many percent of
# the positions at each end, as outliers.
MARGIN, OUTLIERS = 0.1, 0.5
# A body that moves through more of its own sizes is kept in the middle.
FAR = 2.5


def place_joints(
    track: Track, kept: np.ndarray, size: tuple[int, int] | None = None
) -> dict:
    """Place the joints of a track in its picture, or around the origin.

    Args:
        track (Track): A sequence with joints and their layout.
        kept (np.ndarray): The frames that are shown, (K,) int64.
        size (tuple[int, int], optional): Width and height of the video that
            2D joints lie on, in pixels. Defaults to None, no video.

    Returns:
        dict: ``frames``, those that are kept; ``points``, the coordinates of
        each as integers, x to the right, y down and in 3D z away, side by
        side, None where a joint has no position: 0 is the middle and 1000 the
        end of the larger side, and a body in 3D is seen from the front;
        ``unseen``, joints of score 0 by the position of the frame; ``bones``,
        pairs of joints with the person's side, also of a mirror image;
        ``width`` and ``height`` of what is shown in the same unit; and
        ``solid``, whether there are three axes.
    """
    sequence, skeleton = track.sequence, track.sequence.skeleton
    keypoint = np.asarray(sequence.keypoint, np.float64)[kept]
    score = sequence.keypoint_score
    score = None if score is None else np.asarray(score)[kept]
    points = known_positions(keypoint, score)
    solid = points.shape[-1] == 3
    if solid:
        # x to the right, y down and z away.
        up_axis = skeleton.get('up_axis') or '-y'
        points = turn_y_up(points, up_axis) * [1, -1, -1]
        points = _face_viewer(points, skeleton.get('flip_pairs'))
    if size is None:
        points, box = _center(points)
    else:
        box = np.array(size, np.float64)
        # Mirror images of joints lie left of a picture, not in it.
        shift = np.array([box[0] if track.mirrored else 0, 0])
        points = points + shift - box / 2
    scale = UNIT / (box.max() / 2)
    places = np.round(points * scale)
    number = len(skeleton['joints'])
    people = range(0, points.shape[1], number)
    unseen = np.zeros(points.shape[:2], bool) if score is None else score <= 0
    # The joints of a mirror image are named by its sides, not the person's.
    swapped = dict(left='right', right='left') if track.mirrored else {}
    sides = {
        joint: swapped.get(side := bone_side(skeleton, joint), side)
        for joint in range(number)
    }
    return dict(
        frames=kept.tolist(),
        points=[
            [None if np.isnan(value) else int(value) for value in row]
            for row in places.reshape(len(places), -1).tolist()
        ],
        unseen={
            int(k): np.flatnonzero(unseen[k]).tolist()
            for k in np.flatnonzero(unseen.any(axis=1))
        },
        bones=[
            [first + start, second + start, sides[second]]
            for start in people
            for first, second in skeleton['bones']
        ],
        width=round(box[0] * scale),
        height=round(box[1] * scale),
        solid=solid,
    )


def _face_viewer(
    points: np.ndarray, pairs: Sequence[Sequence[int]] | None
) -> np.ndarray:
    """Turn a body so that its left is at the right, over all its frames."""
    if not pairs:
        return points
    left, right = np.array(pairs).T
    apart = (points[:, left] - points[:, right]).reshape(-1, 3)
    known = ~np.isnan(apart).any(axis=1)
    x, _, z = apart[known].sum(axis=0)
    angle = np.arctan2(z, x)
    turned = points.copy()
    turned[..., 0] = points[..., 0] * np.cos(angle)
    turned[..., 0] += points[..., 2] * np.sin(angle)
    turned[..., 2] = points[..., 2] * np.cos(angle)
    turned[..., 2] -= points[..., 0] * np.sin(angle)
    return turned


def _center(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move a body around the origin; return the size of what is shown."""
    known = ~np.isnan(points).all(axis=(1, 2))
    if not known.any():
        return points, np.ones(points.shape[-1])
    body = np.nanmax(points[known], 1) - np.nanmin(points[known], 1)
    middle = np.zeros((len(points), 1, points.shape[-1]))
    middle[known] = np.nanmean(points[known], axis=1, keepdims=True)
    way = np.ptp(middle[known], axis=0)
    points = points - middle * (way > FAR * np.median(body.max(axis=1)))
    flat = points.reshape(-1, points.shape[-1])
    low, high = np.nanpercentile(flat, [OUTLIERS, 100 - OUTLIERS], axis=0)
    box = (high - low) * (1 + 2 * MARGIN)
    largest = box.max() or 1.0
    # A body in 3D is turned; a picture is never a narrow strip.
    least = largest if points.shape[-1] == 3 else largest / 2
    return points - (low + high) / 2, np.maximum(box, least)
