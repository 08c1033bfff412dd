from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import scipy

# Smallest IoU of a person in consecutive frames.
LEAST_OVERLAP = 0.3
# Largest distance to a lost person, relative to their size.
FARTHEST = 1.0


class Boxed(Protocol):
    """A person detected in a frame.

    Attributes:
        box (np.ndarray): Left, top, right and bottom, (4,).
        score (float): Confidence of the detector.
    """

    box: np.ndarray
    score: float


Detected = TypeVar('Detected', bound=Boxed)


def track_people(
    frames: Sequence[Sequence[Detected]],
) -> list[dict[int, Detected]]:
    """Link detections over time to people.

    Detections are assigned by the overlap of boxes (Hungarian method), and the
    remaining ones by position and size, so that people who were hidden or move
    fast keep their identity. If no frame has two people, all detections are of
    one person.

    Args:
        frames (Sequence[Sequence[Boxed]]): Detections of each frame.

    Returns:
        list[dict[int, Boxed]]: Detections of each person by frame, sorted by
        prominence: the sum of area times score over the frames.
    """
    tracks: list[dict[int, Detected]] = []
    if all(len(found) <= 1 for found in frames):
        only = {t: found[0] for t, found in enumerate(frames) if found}
        return [only] if only else []
    for t, found in enumerate(frames):
        if not found:
            continue
        boxes = np.stack([person.box for person in found]).astype(np.float64)
        free = np.arange(len(found))
        open_tracks = list(range(len(tracks)))
        for cost_of, limit in (
            (_lack_of_overlap, 1 - LEAST_OVERLAP),
            (_distance, FARTHEST),
        ):
            if not len(free) or not open_tracks:
                break
            last = np.stack(
                [tracks[i][next(reversed(tracks[i]))].box for i in open_tracks]
            ).astype(np.float64)
            cost = cost_of(last, boxes[free])
            # A forbidden pair must not displace an allowed one.
            allowed = np.where(cost <= limit, cost, 1e6)
            rows, columns = scipy.optimize.linear_sum_assignment(allowed)
            linked = cost[rows, columns] <= limit
            for row, column in zip(rows[linked], columns[linked], strict=True):
                tracks[open_tracks[row]][t] = found[free[column]]
            taken = {open_tracks[row] for row in rows[linked]}
            open_tracks = [i for i in open_tracks if i not in taken]
            free = np.delete(free, columns[linked])
        tracks.extend({t: found[i]} for i in free)
    return sorted(tracks, key=_prominence, reverse=True)


def people_by_identity(
    frames: Sequence[Sequence[Detected]], identities: Sequence[Sequence[int]]
) -> list[dict[int, Detected]]:
    """Group detections by known identities.

    ``identities`` are those of the detections, without repeats in a frame.
    Returns the same as :func:`track_people`.
    """
    tracks: dict[int, dict[int, Detected]] = {}
    for t, found in enumerate(frames):
        for person, identity in zip(found, identities[t], strict=True):
            tracks.setdefault(identity, {})[t] = person
    return sorted(tracks.values(), key=_prominence, reverse=True)


def _prominence(track: dict[int, Boxed]) -> float:
    return sum(
        float(np.prod(detection.box[2:] - detection.box[:2])) * detection.score
        for detection in track.values()
    )


def box_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the IoU of all pairs of boxes.

    Boxes (..., N, 4) and (..., M, 4) of left, top, right and bottom give (...,
    N, M), in [0, 1].
    """
    first, second = first[..., :, None, :], second[..., None, :, :]
    upper_left = np.maximum(first[..., :2], second[..., :2])
    lower_right = np.minimum(first[..., 2:], second[..., 2:])
    shared = (lower_right - upper_left).clip(0).prod(-1)
    areas = [
        (boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)
    ]
    union = areas[0] + areas[1] - shared
    return shared / np.maximum(union, np.finfo(np.float64).tiny)


def _lack_of_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 1 - box_overlap(first, second)


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Relative distance of centers plus difference of log sizes, (N, M)."""
    centers = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    sizes = [
        # Coordinates may be relative to the image size.
        np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=-1).clip(1e-9)
        for boxes in (first, second)
    ]
    apart = np.linalg.norm(centers[0][:, None] - centers[1], axis=-1)
    mean = np.sqrt(sizes[0][:, None] * sizes[1])
    return apart / mean + np.abs(np.log(sizes[0][:, None] / sizes[1]))
