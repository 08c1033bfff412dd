from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Detection(NamedTuple):
    """A person, or a pair of hands, in a frame.

    Attributes:
        box (np.ndarray): Left, top, right and bottom, (4,), pixels.
        score (float): How sure the detector is, in [0, 1].
        keypoint (np.ndarray): Positions of the joints, (V, C), pixels or
            meters; NaN where a joint is not found.
        keypoint_score (np.ndarray): How sure the estimator is of every
            joint, (V,), in [0, 1].
    """

    box: np.ndarray
    score: float
    keypoint: np.ndarray
    keypoint_score: np.ndarray


class PoseEstimator(ABC):
    """Find people in the frames of videos and estimate their poses.

    Attributes:
        skeleton (dict): Layout of the joints, as in
            ``masa.datasets.skeletons``.
        num_coordinates (int): C, 2 or 3, of the finished poses.
        settings (dict): Plain values that tell poses made with this
            estimator from others: its models and options, and from
            :meth:`prepare` on their weights.
    """

    skeleton: dict
    num_coordinates: int
    settings: dict

    @abstractmethod
    def prepare(self) -> None:
        """Load the models.

        An ExtractionError says that there are no weights, or they do not fit.
        """

    @abstractmethod
    def detect(
        self, frames: Iterable[np.ndarray]
    ) -> Iterator[list[Detection]]:
        """Find the people of every frame of one video.

        Args:
            frames (Iterable[np.ndarray]): RGB, each (H, W, 3) uint8, in
                order. They are taken as they are needed.

        Yields:
            list[Detection]: Of every frame, empty where nobody is found.
        """

    def complete(
        self, keypoint: np.ndarray, keypoint_score: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn the poses of one tracked person into what is asked for.

        Lifting to 3D looks at several frames, which is why it comes after
        tracking.

        Args:
            keypoint (np.ndarray): As detected, (T, V, C); NaN where a joint
                or the person is not found.
            keypoint_score (np.ndarray): (T, V); 0 there.

        Returns:
            tuple[np.ndarray, np.ndarray]: (T, V, C) and (T, V), of
            ``skeleton``. Here what was detected.
        """
        return keypoint, keypoint_score
