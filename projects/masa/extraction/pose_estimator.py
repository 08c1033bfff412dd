from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Detection(NamedTuple):
    """A person or a pair of hands detected in a frame.

    Attributes:
        box (np.ndarray): Left, top, right and bottom, (4,), pixels.
        score (float): Confidence of the detector, in [0, 1].
        keypoint (np.ndarray): Positions of the joints, (V, C), pixels or
            meters; NaN where a joint is not found.
        keypoint_score (np.ndarray): Confidence for each joint, (V,), in [0,
            1].
    """

    box: np.ndarray
    score: float
    keypoint: np.ndarray
    keypoint_score: np.ndarray


class PoseEstimator(ABC):
    """Base class of estimators of people and their poses in videos.

    Attributes:
        skeleton (dict): Layout of the joints, as in
            ``masa.datasets.skeletons``.
        num_coordinates (int): Coordinates C of the final poses, 2 or 3.
        settings (dict): Plain values that identify the estimator: models,
            options and, after :meth:`prepare`, weights.
        one_core (bool): Whether a video keeps one core busy, so that several
            are best processed at once; the estimator can then be pickled.
    """

    skeleton: dict
    num_coordinates: int
    settings: dict
    one_core: bool = False

    @abstractmethod
    def prepare(self) -> None:
        """Load the models.

        Raises ExtractionError if the weights are missing or do not fit.
        """

    @abstractmethod
    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Detect the people in each frame of one video.

        Args:
            frames (Iterable[np.ndarray]): RGB frames in order, each (H, W, 3)
                uint8, read lazily.

        Yields:
            list[Detection]: Detections of one frame, possibly none.
        """

    def complete(
        self, keypoint: np.ndarray, keypoint_score: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Convert the poses of one tracked person to the final ones.

        Lifting to 3D uses several frames, so it follows tracking. By default
        the poses are returned unchanged.

        Args:
            keypoint (np.ndarray): Detected joints, (T, V, C); NaN where a
                joint or the person is not found.
            keypoint_score (np.ndarray): Scores, (T, V); 0 there.

        Returns:
            tuple[np.ndarray, np.ndarray]: Joints of ``skeleton``, (T, V, C),
            and scores, (T, V).
        """
        return keypoint, keypoint_score
