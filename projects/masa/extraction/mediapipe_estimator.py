import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..datasets.skeletons import BLAZEPOSE_33, HANDS_42
from ..support.extras import how_to_install
from .errors import ExtractionError
from .pose_estimator import Detection, PoseEstimator

INSTALL = f'{how_to_install("mediapipe")}, in Python 3.12 or older'
# The "full" body model, the only one in the wheel.
MODEL_COMPLEXITY = 1
JOINTS_OF_HAND = 21
# The solutions smooth over time as if every video had this rate.
FRAMES_PER_SECOND = 30

TARGETS = dict(
    body2d=(BLAZEPOSE_33, 2),
    body3d=(BLAZEPOSE_33, 3),
    hands2d=(HANDS_42, 2),
    hands3d=(HANDS_42, 3),
)


class MediaPipeEstimator(PoseEstimator):
    """Estimate poses with MediaPipe.

    MediaPipe tracks one person, or two hands. It runs on the CPU. Without a
    model file it uses the models in the wheel of MediaPipe 0.10.21, through
    its *solutions*; with one, MediaPipe Tasks, which 0.10.30 and later still
    have.

    Args:
        target (str): ``body2d``, 33 joints in pixels; ``body3d``, the same in
            meters relative to the center of the hips, x right, y down and z
            forward; ``hands2d``, two hands in pixels; ``hands3d``, two hands
            in meters, each relative to its own center.
        model (Path, optional): Bundle of models for MediaPipe Tasks: a pose
            landmarker for bodies, a hand landmarker for hands (``.task``).

    Raises:
        ExtractionError: If MediaPipe is not installed, has no such target, or
            carries no models and no file is given, or there is no such file.
    """

    one_core = True

    def __init__(self, target: str, model: Path | None = None):
        if target not in TARGETS:
            raise ExtractionError(
                f'--backend mediapipe does {", ".join(TARGETS)}, not {target}'
            )
        if model is not None and not model.is_file():
            raise ExtractionError(f'there is no file {model}')
        _check_mediapipe(needs_models=model is None)
        self.target = target
        self.model = model
        self.skeleton, self.num_coordinates = TARGETS[target]
        self.settings = (
            dict(model_complexity=MODEL_COMPLEXITY)
            if model is None
            else dict(interface='MediaPipe Tasks')
        )

    def prepare(self) -> None:
        """Load the models; see :class:`PoseEstimator`."""
        release = f'mediapipe {version("mediapipe")}'
        if self.model is None:
            # The weights are part of the wheel.
            self.settings['weights'] = release
            return
        try:
            with _native_log_off():
                self._tracker().close()
        # Versions differ in what they raise for a file of another kind.
        except (RuntimeError, ValueError, OSError) as error:
            raise ExtractionError(
                f'{self.model} is not a .task file for {self.target}: {error}'
            ) from error
        digest = hashlib.sha256(self.model.read_bytes()).hexdigest()
        self.settings['weights'] = f'{digest}, {release}'

    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Find people; see :class:`PoseEstimator`."""
        read = self._body if self.target.startswith('body') else self._hands
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        # What follows people from frame to frame is made anew for a video.
        # The models are loaded while the first frame waits for them.
        with _native_log_off():
            tracker = self._tracker()
            parts = tracker.process(first)
        try:
            yield read(parts, first)
            for frame in frames:
                yield read(tracker.process(frame), frame)
        finally:
            with _native_log_off():
                tracker.close()

    def _tracker(self) -> '_Tracker':
        hands = self.target.startswith('hands')
        if self.model is None:
            return _SolutionTracker(hands)
        return _TaskTracker(hands, self.model)

    def _body(
        self, parts: list['_Part'], frame: np.ndarray
    ) -> list[Detection]:
        detections = []
        for part in parts:
            pixels = _pixels(part.landmarks, frame)
            three = self.num_coordinates == 3
            keypoint = _meters(part.world_landmarks) if three else pixels
            score = np.array([one.visibility for one in part.landmarks])
            detections.append(_detection(pixels, keypoint, score))
        return detections

    def _hands(
        self, parts: list['_Part'], frame: np.ndarray
    ) -> list[Detection]:
        if not parts:
            return []
        shape = (2, JOINTS_OF_HAND, self.num_coordinates)
        keypoint = np.full(shape, np.nan)
        score = np.zeros(shape[:2])
        pixels = []
        sides = assign_sides([(part.label, part.score) for part in parts])
        for side, part in zip(sides, parts, strict=True):
            pixels.append(_pixels(part.landmarks, frame))
            three = self.num_coordinates == 3
            keypoint[side] = (
                _meters(part.world_landmarks) if three else pixels[-1]
            )
            score[side] = part.score
        return [
            _detection(
                np.concatenate(pixels),
                keypoint.reshape(-1, self.num_coordinates),
                score.reshape(-1),
            )
        ]


def assign_sides(hands: list[tuple[str, float]]) -> list[int]:
    """Assign the sides of hands: 0 for left, 1 for right.

    Args:
        hands (list[tuple[str, float]]): Label, ``Left`` or ``Right``, and
            score of each hand. If both have one label, the hand of lower
            score gets the other side.

    Returns:
        list[int]: The side of each hand.
    """
    sides = [0 if label == 'Left' else 1 for label, _ in hands]
    if len(sides) == 2 and sides[0] == sides[1]:
        doubtful = int(np.argmin([score for _, score in hands]))
        sides[doubtful] = 1 - sides[doubtful]
    return sides


class _Part(NamedTuple):
    """A body or a hand.

    Attributes:
        landmarks (Sequence): In the picture: x and y by its width and height.
        world_landmarks (Sequence): In meters.
        label (str): Of a hand, ``Left`` or ``Right``, the person's own.
        score (float): Of the label.
    """

    landmarks: Sequence[Any]
    world_landmarks: Sequence[Any]
    label: str = ''
    score: float = 1.0


class _Tracker(Protocol):
    """Follows bodies or hands through the frames of one video."""

    def process(self, frame: np.ndarray) -> list[_Part]: ...

    def close(self) -> None: ...


class _SolutionTracker:
    """The models that MediaPipe 0.10.21 carries, by its old interface."""

    def __init__(self, hands: bool):
        from mediapipe import solutions

        if hands:
            self._solution = solutions.hands.Hands(
                model_complexity=MODEL_COMPLEXITY, max_num_hands=2
            )
        else:
            self._solution = solutions.pose.Pose(
                model_complexity=MODEL_COMPLEXITY
            )
        self._read = self._hands if hands else self._body

    def process(self, frame: np.ndarray) -> list[_Part]:
        return self._read(self._solution.process(frame))

    def close(self) -> None:
        self._solution.close()

    @staticmethod
    def _body(result) -> list[_Part]:
        if result.pose_landmarks is None:
            return []
        return [
            _Part(
                result.pose_landmarks.landmark,
                result.pose_world_landmarks.landmark,
            )
        ]

    @staticmethod
    def _hands(result) -> list[_Part]:
        if result.multi_hand_landmarks is None:
            return []
        # Its labels hold for mirrored pictures, of a camera that faces its
        # user; those of Tasks do not (google-ai-edge/mediapipe#4803).
        own = dict(Left='Right', Right='Left')
        return [
            _Part(
                landmarks.landmark,
                world_landmarks.landmark,
                own[handedness.classification[0].label],
                handedness.classification[0].score,
            )
            for landmarks, world_landmarks, handedness in zip(
                result.multi_hand_landmarks,
                result.multi_hand_world_landmarks,
                result.multi_handedness,
                strict=True,
            )
        ]


class _TaskTracker:
    """The models of a file, by MediaPipe Tasks."""

    def __init__(self, hands: bool, model: Path):
        from mediapipe.tasks.python import BaseOptions, vision

        options = dict(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.VIDEO,
        )
        if hands:
            self._landmarker = vision.HandLandmarker.create_from_options(
                vision.HandLandmarkerOptions(num_hands=2, **options)
            )
        else:
            self._landmarker = vision.PoseLandmarker.create_from_options(
                vision.PoseLandmarkerOptions(**options)
            )
        self._read = self._hands if hands else self._body
        self._frames = 0

    def process(self, frame: np.ndarray) -> list[_Part]:
        import mediapipe

        image = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB,
            data=np.ascontiguousarray(frame),
        )
        milliseconds = round(1000 * self._frames / FRAMES_PER_SECOND)
        self._frames += 1
        return self._read(
            self._landmarker.detect_for_video(image, milliseconds)
        )

    def close(self) -> None:
        self._landmarker.close()

    @staticmethod
    def _body(result) -> list[_Part]:
        return [
            _Part(*landmarks)
            for landmarks in zip(
                result.pose_landmarks,
                result.pose_world_landmarks,
                strict=True,
            )
        ]

    @staticmethod
    def _hands(result) -> list[_Part]:
        return [
            _Part(
                landmarks,
                world_landmarks,
                handedness[0].category_name,
                handedness[0].score,
            )
            for landmarks, world_landmarks, handedness in zip(
                result.hand_landmarks,
                result.hand_world_landmarks,
                result.handedness,
                strict=True,
            )
        ]


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


def _check_mediapipe(needs_models: bool) -> None:
    # Importing it takes seconds, which are for the process that runs it.
    spec = importlib.util.find_spec('mediapipe')
    if spec is None:
        raise ExtractionError(
            f'--backend mediapipe needs MediaPipe: {INSTALL}'
        )
    solutions = Path(spec.submodule_search_locations[0], 'python', 'solutions')
    if needs_models and not solutions.is_dir():
        raise ExtractionError(
            f'MediaPipe {version("mediapipe")} carries no models. Give a '
            '.task file (--pose-weights, or pose_weights in from_video; see '
            f'docs/videos.md), or install 0.10.21, which has them: {INSTALL}'
        )


def _pixels(landmarks: Sequence[Any], frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    return np.array([(one.x * width, one.y * height) for one in landmarks])


def _meters(landmarks: Sequence[Any]) -> np.ndarray:
    return np.array([(one.x, one.y, one.z) for one in landmarks])


def _detection(
    pixels: np.ndarray, keypoint: np.ndarray, score: np.ndarray
) -> Detection:
    box = np.concatenate([pixels.min(0), pixels.max(0)])
    return Detection(box, float(score.max()), keypoint, score.clip(0, 1))
