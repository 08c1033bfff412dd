from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

# From one frame to the next people overlap themselves by more than this.
LEAST_OVERLAP = 0.3
# Who was lost is looked for within this many of their own sizes.
FARTHEST = 1.0


class Boxed(Protocol):
    """A person in a frame.

    Attributes:
        box (np.ndarray): Left, top, right and bottom, (4,).
        score (float): How sure the detector is.
    """

    box: np.ndarray
    score: float


Detected = TypeVar('Detected', bound=Boxed)


def track_people(
    frames: Sequence[Sequence[Detected]],
) -> list[dict[int, Detected]]:
    """Link the detections of all frames into people.

    Between frames by overlap of boxes, the best assignment of all
    (Hungarian method); then whoever is left by place and size, so that a
    person who was hidden for a while, or moves fast, stays the same one.
    Where no frame shows two people, all detections are one person's.

    Args:
        frames (Sequence[Sequence[Boxed]]): The detections of every frame.

    Returns:
        list[dict[int, Boxed]]: Of every person, the detections by frame. The
        most prominent one, by area and score summed over the frames, is
        first.
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
            # A forbidden pair must not push an allowed one out.
            allowed = np.where(cost <= limit, cost, 1e6)
            rows, columns = linear_sum_assignment(allowed)
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
    """Group the detections of all frames by who they are.

    ``identities`` are those of the detections, nobody twice in a frame. The
    result is that of :func:`track_people`.
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
    """Compute the intersection over union of all pairs of boxes.

    Boxes are left, top, right and bottom: (..., N, 4) and (..., M, 4) give
    (..., N, M), in [0, 1].
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
    """Between centers in sizes, and of the sizes' logarithms: (N, M)."""
    centers = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    sizes = [
        # Coordinates may be shares of the image instead of pixels.
        np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=-1).clip(1e-9)
        for boxes in (first, second)
    ]
    apart = np.linalg.norm(centers[0][:, None] - centers[1], axis=-1)
    mean = np.sqrt(sizes[0][:, None] * sizes[1])
    return apart / mean + np.abs(np.log(sizes[0][:, None] / sizes[1]))
