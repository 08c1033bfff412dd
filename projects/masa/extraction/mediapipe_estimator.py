import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..datasets.skeletons import BLAZEPOSE_33, HANDS_42
from .errors import ExtractionError
from .pose_estimator import Detection, PoseEstimator

INSTALL = (
    "pip install -c requirements/constraints.txt -e '.[train,mediapipe]', in "
    'Python 3.12 or older'
)
# The "full" body model, the only one in the wheel.
MODEL_COMPLEXITY = 1
JOINTS_OF_HAND = 21

TARGETS = dict(
    body2d=(BLAZEPOSE_33, 2),
    body3d=(BLAZEPOSE_33, 3),
    hands2d=(HANDS_42, 2),
    hands3d=(HANDS_42, 3),
)


class MediaPipeEstimator(PoseEstimator):
    """Estimate poses with MediaPipe, whose wheel includes the models.

    MediaPipe tracks one person, or two hands. It runs on the CPU.

    Args:
        target (str): ``body2d``, 33 joints in pixels; ``body3d``, the same in
            meters relative to the center of the hips, x right, y down and z
            forward; ``hands2d``, two hands in pixels; ``hands3d``, two hands
            in meters, each relative to its own center.

    Raises:
        ExtractionError: If MediaPipe is not installed or has no models, or the
            target is unknown.
    """

    def __init__(self, target: str):
        if target not in TARGETS:
            raise ExtractionError(
                f'--backend mediapipe does {", ".join(TARGETS)}, not {target}'
            )
        self._solutions = _import_solutions()
        self.target = target
        self.skeleton, self.num_coordinates = TARGETS[target]
        self.settings = dict(model_complexity=MODEL_COMPLEXITY)

    def prepare(self) -> None:
        """Load the models; see :class:`PoseEstimator`."""
        import mediapipe

        # The weights are part of the wheel.
        self.settings['weights'] = f'mediapipe {mediapipe.__version__}'

    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Find people; see :class:`PoseEstimator`."""
        if self.target.startswith('body'):
            solution, options = self._solutions.pose.Pose, {}
            read = self._body
        else:
            solution = self._solutions.hands.Hands
            options, read = dict(max_num_hands=2), self._hands
        # A new solution for each video resets the tracking.
        for frame, result in _results(
            lambda: solution(model_complexity=MODEL_COMPLEXITY, **options),
            frames,
        ):
            yield read(result, frame)

    def _body(self, result, frame: np.ndarray) -> list[Detection]:
        if result.pose_landmarks is None:
            return []
        pixels = _pixels(result.pose_landmarks, frame)
        keypoint = pixels
        if self.num_coordinates == 3:
            keypoint = _meters(result.pose_world_landmarks)
        score = np.array(
            [
                landmark.visibility
                for landmark in result.pose_landmarks.landmark
            ]
        )
        return [_detection(pixels, keypoint, score)]

    def _hands(self, result, frame: np.ndarray) -> list[Detection]:
        if result.multi_hand_landmarks is None:
            return []
        shape = (2, JOINTS_OF_HAND, self.num_coordinates)
        keypoint = np.full(shape, np.nan)
        score = np.zeros(shape[:2])
        pixels = []
        sides = assign_sides(
            [
                (hand.classification[0].label, hand.classification[0].score)
                for hand in result.multi_handedness
            ]
        )
        for side, landmarks, world, handedness in zip(
            sides,
            result.multi_hand_landmarks,
            result.multi_hand_world_landmarks,
            result.multi_handedness,
            strict=True,
        ):
            pixels.append(_pixels(landmarks, frame))
            three = self.num_coordinates == 3
            keypoint[side] = _meters(world) if three else pixels[-1]
            score[side] = handedness.classification[0].score
        return [
            _detection(
                np.concatenate(pixels),
                keypoint.reshape(-1, self.num_coordinates),
                score.reshape(-1),
            )
        ]


def assign_sides(hands: list[tuple[str, float]]) -> list[int]:
    """Assign the sides of hands: 0 for left, 1 for right.

    MediaPipe's labels hold for the mirrored image of a selfie camera; in other
    images its left is the right hand. If both hands have one label, the one of
    lower score gets the other side.
    """
    sides = [1 if label == 'Left' else 0 for label, _ in hands]
    if len(sides) == 2 and sides[0] == sides[1]:
        doubtful = int(np.argmin([score for _, score in hands]))
        sides[doubtful] = 1 - sides[doubtful]
    return sides


def _results(
    build: Callable[[], Any], frames: Iterable[np.ndarray]
) -> Iterator[tuple[np.ndarray, Any]]:
    """Run a solution on all frames without its native log."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return
    # MediaPipe loads the models when it processes the first frame.
    with _native_log_off():
        model = build()
        result = model.process(first)
    with model:
        yield first, result
        for frame in frames:
            yield frame, model.process(frame)


@contextmanager
def _native_log_off():
    """Suppress the output of C++ on standard error, where the progress is.

    No setting of MediaPipe turns its log off. Errors are raised as exceptions.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _import_solutions():
    try:
        import mediapipe
    except ModuleNotFoundError as error:
        raise ExtractionError(
            f'--backend mediapipe needs MediaPipe: {INSTALL}'
        ) from error
    try:
        return mediapipe.solutions
    except AttributeError as error:
        raise ExtractionError(
            f'MediaPipe {mediapipe.__version__} carries no models, 0.10.21 '
            f'does: {INSTALL}'
        ) from error


def _pixels(landmarks, frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    return np.array(
        [
            (landmark.x * width, landmark.y * height)
            for landmark in landmarks.landmark
        ]
    )


def _meters(landmarks) -> np.ndarray:
    return np.array(
        [
            (landmark.x, landmark.y, landmark.z)
            for landmark in landmarks.landmark
        ]
    )


def _detection(
    pixels: np.ndarray, keypoint: np.ndarray, score: np.ndarray
) -> Detection:
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    return Detection(box, float(score.max()), keypoint, score.clip(0, 1))
