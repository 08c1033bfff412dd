"""Sources of frames that ``masa live`` follows, one after the other."""

import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..apis import AlignmentInferencer, EmbeddedSequence
from ..extraction.limits import MediaLimits
from ..support.extras import explain_missing
from ..visualization.drawing import draw_bones
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import USUAL_RATE, frame_interval


class LiveFrame(NamedTuple):
    """A frame of a source.

    Attributes:
        time (float): Seconds since the first frame.
        joints (np.ndarray, optional): (V, C); None if nobody is seen.
        score (np.ndarray, optional): Confidence of the joints, (V,).
        image (np.ndarray): RGB, (H, W, 3) uint8, with the skeleton.
    """

    time: float
    joints: np.ndarray | None
    score: np.ndarray | None
    image: np.ndarray


class Source(NamedTuple):
    """Something to follow.

    Attributes:
        name (str): Its name.
        skeleton (dict, optional): Layout of the joints.
        frame_rate (float): Frames per second of a video of it.
        frames (Iterator[LiveFrame]): Its frames.
    """

    name: str
    skeleton: dict | None
    frame_rate: float
    frames: Iterator[LiveFrame]


def replay(
    sequence: EmbeddedSequence, height: int, limits: MediaLimits
) -> Source:
    """Play a sequence as if it were live.

    Args:
        sequence (EmbeddedSequence): The sequence, of joints.
        height (int): Height of drawn skeletons, in pixels.
        limits (MediaLimits): Limits above which a video is refused.

    Returns:
        Source: Its frames.

    Raises:
        ValueError: If it has no joints, or its times are not known.
    """
    if sequence.keypoint is None:
        raise ValueError(f'{sequence.name} has no joints to follow')
    if sequence.timestamps is None:
        raise ValueError(
            f'the times of {sequence.name} are not known: give --frame-rate'
        )
    times = sequence.timestamps - sequence.timestamps[0]
    scores = sequence.keypoint_score
    if scores is None:
        scores = [None] * len(times)
    images = SequenceImages(sequence, height, limits).at(range(len(times)))
    frames = map(LiveFrame, times.tolist(), sequence.keypoint, scores, images)
    rate = 1 / frame_interval(times)
    return Source(sequence.name, sequence.skeleton, rate, frames)


def open_camera(number: int, inferencer: AlignmentInferencer) -> Source:
    """Open a camera whose poses MediaPipe estimates.

    Args:
        number (int): Number of the camera, from 0.
        inferencer (AlignmentInferencer): The model, whose config says what it
            takes of videos.

    Returns:
        Source: Its frames, until Ctrl-C.

    Raises:
        ImportError: If OpenCV or MediaPipe is not installed.
        ValueError: If there is no such camera, or the model takes no poses of
            MediaPipe.
    """
    options = inferencer.reader.from_video or {}
    if options.get('backend') != 'mediapipe':
        raise ValueError(
            '--camera is for models that take poses of MediaPipe (from_video '
            f'of the config), but this one takes {options or "no videos"}'
        )
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise explain_missing('--camera', 'mediapipe', error) from error
    from ..extraction.mediapipe_estimator import MediaPipeEstimator

    estimator = MediaPipeEstimator(
        options['target'], options.get('pose_weights')
    )
    estimator.prepare()
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise ValueError(f'there is no camera {number} that can be opened')
    return Source(
        f'camera {number}',
        estimator.skeleton,
        USUAL_RATE,
        _camera_frames(capture, estimator),
    )


def _camera_frames(capture, estimator) -> Iterator[LiveFrame]:
    taken: list[tuple[float, np.ndarray]] = []

    def pictures() -> Iterator[np.ndarray]:
        start = time.monotonic()
        while (read := capture.read())[0]:
            # OpenCV has blue first.
            image = np.ascontiguousarray(read[1][..., ::-1])
            taken[:] = [(time.monotonic() - start, image)]
            yield image

    try:
        for people in estimator.detect(pictures()):
            ((seconds, image),) = taken
            if not people:
                yield LiveFrame(seconds, None, None, image)
                continue
            best = max(people, key=lambda one: one.score)
            if estimator.num_coordinates == 2:
                image = draw_bones(
                    image,
                    best.keypoint,
                    estimator.skeleton,
                    best.keypoint_score,
                )
            yield LiveFrame(seconds, best.keypoint, best.keypoint_score, image)
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
    finally:
        capture.release()
