"""Identify the people in a sequence and rank them."""

from typing import NamedTuple

import numpy as np

from .tracking import LEAST_OVERLAP, box_overlap, track_people

CRITERIA = ('score', 'size', 'motion')


class _Pose(NamedTuple):
    """A person in a frame, for ``track_people``."""

    box: np.ndarray
    score: float
    person: int


def find_people(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Return who is present in which frame, (M, T) bool.

    A person is absent if all joints, (M, T, V, C), or all scores, (M, T, V),
    are 0.
    """
    present = (keypoint != 0).any((2, 3))
    return present if score is None else present & (score > 0).any(2)


def find_joints(keypoint: np.ndarray) -> np.ndarray:
    """Return which joints were found where there are no scores.

    A joint, of (M, T, V, C), that is 0 was not found, unless it is 0 in all
    frames: then it is one that was centered on. The result is (M, T, V) bool,
    of a stack (N, M, T, V).
    """
    found = (keypoint != 0).any(-1)
    return found | ~found.any(-2, keepdims=True)


def link_people(
    keypoint: np.ndarray, score: np.ndarray | None, link: bool = True
) -> np.ndarray:
    """Link the entries of each frame to people.

    Detectors list the people of each frame by score, so that an index is not a
    person. 2D poses are therefore linked over time by their bounding boxes
    (:func:`~masa.datasets.tracking.track_people`). 3D poses come from sensors
    and lifters that track; there an index is a person.

    Args:
        keypoint (np.ndarray): Joints, ``(M, T, V, C)``.
        score (np.ndarray, optional): ``(M, T, V)``.
        link (bool): Whether to link 2D poses. Defaults to True.

    Returns:
        np.ndarray: Index of each of K people in each frame, ``(K, T)`` int64,
        -1 where absent.
    """
    present = find_people(keypoint, score)
    places = np.where(present, np.arange(len(keypoint))[:, None], -1)
    places = places[present.any(1)]
    if keypoint.shape[-1] != 2 or not link or len(places) < 2:
        return places
    boxes = _boxes(keypoint, score)
    if (places >= 0).all() and _stay_apart(boxes[places[:, 0]]):
        return places
    sure = np.ones(present.shape) if score is None else score.mean(2)
    tracks = track_people(
        [
            [
                _Pose(boxes[m, t], float(sure[m, t]), m)
                for m in np.flatnonzero(present[:, t])
            ]
            for t in range(present.shape[1])
        ]
    )
    linked = np.full((len(tracks), present.shape[1]), -1)
    for row, track in zip(linked, tracks, strict=True):
        row[list(track)] = [pose.person for pose in track.values()]
    return linked


def _boxes(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Return the bounding boxes of the joints found, (M, T, 2 C).

    The boxes of absent people are arbitrary.
    """
    found = (keypoint != 0).any(-1, keepdims=True)
    if score is not None:
        found &= score[..., None] > 0
    low = np.where(found, keypoint, np.inf).min(2)
    high = np.where(found, keypoint, -np.inf).max(2)
    boxes = np.concatenate([low, high], -1, dtype=np.float64)
    return np.where(np.isfinite(boxes), boxes, 0)


def _stay_apart(boxes: np.ndarray) -> bool:
    """Return whether boxes overlap their successors more than all others.

    Tracking would then change nothing, but take far longer.
    """
    by_frame = boxes.swapaxes(0, 1)
    overlap = box_overlap(by_frame[:-1], by_frame[1:])  # (T - 1, M, M)
    own = np.diagonal(overlap, axis1=1, axis2=2)
    return bool(
        (own >= LEAST_OVERLAP).all()
        and (own[:, :, None] >= overlap).all()
        and (own[:, None] >= overlap).all()
    )


def take_people(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Select people by frame, ``(M, T, ...)`` to ``(K, T, ...)``.

    ``places`` are the result of :func:`link_people`. Absent people are 0.
    """
    taken = values[places, np.arange(values.shape[1])]
    taken[places < 0] = 0
    return taken


def rank_people(
    keypoint: np.ndarray, score: np.ndarray | None, by: str
) -> np.ndarray:
    """Rank people by a criterion, the highest first.

    Each criterion is a mean over all frames, 0 in frames without the person:

    - ``'score'``: the mean score of the joints; without scores, 1 for each
    joint that is not 0.
    - ``'size'``: the diagonal of the bounding box, in 2D or 3D.
    - ``'motion'``: the root mean square distance of the joints from their
    means over the frames with the person.

    Args:
        keypoint (np.ndarray): Joints of K people, ``(K, T, V, C)``, 0 where
            a person is absent.
        score (np.ndarray, optional): ``(K, T, V)``.
        by (str): The criterion.

    Returns:
        np.ndarray: Indices of the people, ``(K,)`` int64. Ties keep their
        order.

    Example:
        >>> joints = np.ones((2, 3, 17, 2))
        >>> joints[1, :, 0] = 9
        >>> rank_people(joints, None, 'size').tolist()
        [1, 0]
    """
    present = find_people(keypoint, score)
    joints = keypoint.astype(np.float64)
    if by == 'score':
        sure = (joints != 0).any(-1) if score is None else score
        value = np.where(present, sure.mean(2, dtype=np.float64), 0).mean(1)
    elif by == 'size':
        boxes = _boxes(joints, score)
        axes = joints.shape[-1]
        sizes = np.linalg.norm(boxes[..., axes:] - boxes[..., :axes], axis=-1)
        value = np.where(present, sizes, 0).mean(1)
    else:
        weights = present[:, :, None, None]
        count = present.sum(1).clip(1)[:, None, None, None]
        mean = (joints * weights).sum(1, keepdims=True) / count
        moved = np.square((joints - mean) * weights).sum(-1).mean((1, 2))
        value = np.sqrt(moved)
    return np.argsort(-value, kind='stable')


def fill_frames(keypoint: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill in the poses of people in frames without them.

    Poses, (M, T, V, C) floating point, are interpolated linearly between the
    neighboring ``known`` frames, (M, T) bool, and copied from the nearest one
    before the first and after the last. A person without any known frame stays
    unchanged. Returns a copy.
    """
    filled = keypoint.copy()
    time = np.arange(keypoint.shape[1])
    for pose, there in zip(filled, known, strict=True):
        frames = time[there]
        if len(frames) in (0, len(time)):
            continue
        after = np.searchsorted(frames, time).clip(max=len(frames) - 1)
        before = (np.searchsorted(frames, time, side='right') - 1).clip(0)
        first, last = frames[before], frames[after]
        share = (time - first) / np.maximum(last - first, 1)
        share = share.clip(0, 1).astype(pose.dtype)[:, None, None]
        pose[:] = (1 - share) * pose[first] + share * pose[last]
    return filled
