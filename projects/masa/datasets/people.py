"""Which people a sequence shows, who is who, and who matters most."""

from typing import NamedTuple

import numpy as np

from .tracking import LEAST_OVERLAP, box_overlap, track_people

CRITERIA = ('score', 'size', 'motion')


class _Pose(NamedTuple):
    """A person in a frame, for tracking: see ``track_people``."""

    box: np.ndarray
    score: float
    person: int


def find_people(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
    """Say who is there in which frame, (M, T) bool.

    A person is absent from a frame where all joints, (M, T, V, C), are 0, or
    have score 0, (M, T, V).
    """
    present = (keypoint != 0).any((2, 3))
    return present if score is None else present & (score > 0).any(2)


def link_people(
    keypoint: np.ndarray, score: np.ndarray | None, link: bool = True
) -> np.ndarray:
    """Find the same people in all frames.

    Files that are made frame by frame, by a detector and a pose estimator,
    list the people of every frame in the order of the detector's scores, so
    that a place in the list is not a person. 2D poses are therefore linked
    over time by their bounding boxes: see
    :func:`~masa.datasets.tracking.track_people`. 3D poses come from sensors
    and lifters that track: there a place in the list is a person.

    Args:
        keypoint (np.ndarray): Joints, ``(M, T, V, C)``.
        score (np.ndarray, optional): ``(M, T, V)``.
        link (bool): False takes places in the list for people in 2D, too.
            Defaults to True.

    Returns:
        np.ndarray: For each of K people the place in the list by frame,
        ``(K, T)`` int64, -1 where the person is absent.
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
    """Bounding boxes (M, T, 2 C) of the joints that are found.

    What is absent gets some box.
    """
    found = (keypoint != 0).any(-1, keepdims=True)
    if score is not None:
        found &= score[..., None] > 0
    low = np.where(found, keypoint, np.inf).min(2)
    high = np.where(found, keypoint, -np.inf).max(2)
    boxes = np.concatenate([low, high], -1, dtype=np.float64)
    return np.where(np.isfinite(boxes), boxes, 0)


def _stay_apart(boxes: np.ndarray) -> bool:
    """Say whether all overlap themselves most from each frame to the next.

    Tracking would then leave everyone in place, and take far longer.
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
    """Take people out of per-frame lists, ``(M, T, ...)`` to ``(K, T, ...)``.

    ``places`` come from :func:`link_people`. Where a person is absent, the
    result is 0.
    """
    taken = values[places, np.arange(values.shape[1])]
    taken[places < 0] = 0
    return taken


def rank_people(
    keypoint: np.ndarray, score: np.ndarray | None, by: str
) -> np.ndarray:
    """Order people, the one who matters most first.

    Every criterion is a mean over all frames, to which a frame without the
    person adds 0:

    - ``'score'``: the mean score of the joints. Without scores a joint that
      is not 0 counts 1, so that this is how often a person is seen.
    - ``'size'``: the diagonal of the bounding box, or in 3D of the bounding
      cuboid.
    - ``'motion'``: the distance of the joints from their means over the
      frames that show the person, root mean square.

    Args:
        keypoint (np.ndarray): Joints of K people, ``(K, T, V, C)``, 0 where
            a person is absent.
        score (np.ndarray, optional): ``(K, T, V)``.
        by (str): The criterion.

    Returns:
        np.ndarray: Indices of the people, ``(K,)`` int64. Of equals the
        first in the list comes first.

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
    """Give people a pose in the frames that have none.

    Poses, (M, T, V, C) floating point, are interpolated linearly between the
    frames before and after, of those that are ``known``, (M, T) bool; before
    the first and after the last one, that of the nearest frame is taken. Who
    has no pose in any frame stays at 0. The result is a copy.
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
