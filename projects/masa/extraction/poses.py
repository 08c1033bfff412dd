import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..datasets.tracking import track_people
from ..support.files import atomic_path
from .errors import SequenceError
from .frames import FrameReader
from .limits import DEFAULT_LIMITS, MediaLimits
from .pose_estimator import Detection, PoseEstimator
from .sequences import MediaSequence, check_length, last_change
from .timestamps import write_timestamps


def extract_poses(
    sequence: MediaSequence,
    output: Path,
    estimator: PoseEstimator,
    person: int = 1,
    min_found: float = 0.5,
    expected_frames: int | None = None,
    limits: MediaLimits = DEFAULT_LIMITS,
    advance: Callable[[int], None] = lambda frames: None,
    time_step: float = 0.0,
) -> tuple[int, int]:
    """Write the poses of one person in a sequence.

    One frame at a time is in memory, and the joints of all. The file, (T, V *
    (C + 1)) float32 with the coordinates and the score of each joint
    (:func:`read_poses`), is written atomically and gets the modification time
    of its source. The time stamps of the frames are written beside it.
    ``advance`` is called with the number of frames processed since the last
    call. With a ``time_step`` in seconds, poses are estimated in frames that
    far apart and interpolated in between (:func:`interpolate_poses`). Returns
    T and the number of frames with the person.

    Raises SequenceError if the frames cannot be read, T is not
    ``expected_frames``, or there is no such person (:func:`poses_of_person`).
    """
    changed = last_change(sequence)
    detections, samples, shown = [], [], 0
    reader = FrameReader(sequence.path, limits)

    def sampled_frames() -> Iterator[np.ndarray]:
        for index, frame in reader.sample(time_step):
            samples.append(index)
            yield frame

    for found in estimator.detect(sampled_frames() if time_step else reader):
        detections.append(found)
        advance(reader.frames_read - shown)
        shown = reader.frames_read
    length = reader.frames_read
    check_length(sequence, length, expected_frames)
    keypoint, score = poses_of_person(
        track_people(detections),
        len(detections),
        person,
        min_found,
        sequence.path,
    )
    if time_step:
        keypoint, score = interpolate_poses(keypoint, score, samples, length)
    found = int((score > 0).any(-1).sum())
    keypoint, score = estimator.complete(keypoint, score)
    rows = np.concatenate([keypoint, score[..., None]], axis=-1)
    write_timestamps(output, reader.timestamps)
    with atomic_path(output) as temporary:
        np.save(temporary, rows.reshape(length, -1).astype(np.float32))
        os.utime(temporary, ns=(changed, changed))
    return length, found


def interpolate_poses(
    keypoint: np.ndarray,
    score: np.ndarray,
    samples: Sequence[int],
    length: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate poses of some frames linearly for all.

    A joint is found between two samples if it is in both, with the lower of
    their scores. After the last sample the pose stays.

    Args:
        keypoint (np.ndarray): Positions in N frames, (N, V, C); NaN where a
            joint is not found.
        score (np.ndarray): Scores, (N, V); 0 there.
        samples (Sequence[int]): Indices of these frames, the first of them 0.
        length (int): Number of all frames, T.

    Returns:
        tuple[np.ndarray, np.ndarray]: Positions (T, V, C) and scores (T, V).

    Example:
        >>> joints = np.array([[[0.0]], [[8.0]]])
        >>> interpolate_poses(joints, np.ones((2, 1)), [0, 2], 4)[0].ravel()
        array([0., 4., 8., 8.])
    """
    samples = np.asarray(samples)
    times = np.arange(length)
    after = np.searchsorted(samples, times).clip(max=len(samples) - 1)
    before = np.where(samples[after] > times, after - 1, after)
    span = np.maximum(samples[after] - samples[before], 1)
    share = ((times - samples[before]) / span).clip(0, 1)[:, None, None]
    return (
        keypoint[before] + share * (keypoint[after] - keypoint[before]),
        np.minimum(score[before], score[after]),
    )


def poses_of_person(
    people: list[dict[int, Detection]],
    length: int,
    person: int,
    min_found: float,
    where: str | Path,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the poses of one person by rank of prominence, from 1.

    ``people`` are sorted by prominence, and ``length`` is the number of frames
    T. Returns positions (T, V, C), NaN where a joint or the person is not
    found, and scores (T, V), 0 there. Raises SequenceError, which names the
    sequence ``where``, if there are fewer people or the person is found in
    less than the share ``min_found`` of the frames.
    """
    check_person(len(people), length, person, where)
    track = people[person - 1]
    check_found(len(track), length, min_found, where)
    joints, coordinates = next(iter(track.values())).keypoint.shape
    keypoint = np.full((length, joints, coordinates), np.nan)
    score = np.zeros((length, joints))
    for t, detection in track.items():
        keypoint[t] = detection.keypoint
        score[t] = detection.keypoint_score
    return keypoint, score


def check_person(
    people: int, length: int, person: int, where: str | Path
) -> None:
    """Raise SequenceError if there are fewer people than ``person``.

    ``people`` were found in the ``length`` frames of the sequence ``where``.
    """
    if people < person:
        raise SequenceError(
            f'{where}: {people or "no"} people are found in its '
            f'{length} frames, expected {person} at least'
        )


def check_found(
    found: int, length: int, min_found: float, where: str | Path
) -> None:
    """Raise SequenceError if too few frames show the person.

    ``found`` of the ``length`` frames of the sequence ``where`` do, and the
    share ``min_found`` is expected.
    """
    if found < min_found * length:
        raise SequenceError(
            f'{where}: the person is found in {found} of {length} '
            f'frames, expected {min_found:.0%} at least (--min-found)'
        )


def read_poses(
    path: Path, num_joints: int, num_coordinates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read the poses that :func:`extract_poses` wrote.

    Returns positions (T, V, C), NaN where a joint is not found, and scores (T,
    V), float32.
    """
    rows = np.load(path, allow_pickle=False)
    rows = rows.reshape(len(rows), num_joints, num_coordinates + 1)
    return rows[..., :-1], rows[..., -1]
