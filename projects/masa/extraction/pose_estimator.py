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
            metres.
        keypoint_score (np.ndarray): How sure the estimator is of every
            joint, (V,), in [0, 1].
    """

    box: np.ndarray
    score: float
    keypoint: np.ndarray
    keypoint_score: np.ndarray


class PoseEstimator(ABC):
    """Finds people in the frames of videos and estimates their poses.

    Attributes:
        skeleton (dict): Layout of the joints, as in
            ``masa.datasets.skeletons``.
        num_coordinates (int): C, 2 or 3, of the finished poses.
        settings (dict): Plain values that tell poses made with this
            estimator from others: its models, their weights and options.
    """

    skeleton: dict
    num_coordinates: int
    settings: dict

    @abstractmethod
    def detect(
        self, frames: Iterable[np.ndarray], frame_rate: float | None
    ) -> Iterator[list[Detection]]:
        """Find the people of every frame of one video.

        Args:
            frames (Iterable[np.ndarray]): RGB, each (H, W, 3) uint8, in
                order. They are taken as they are needed.
            frame_rate (float, optional): Frames per second; None if not
                known.

        Yields:
            list[Detection]: Of every frame, empty where nobody is found.
        """

    def complete(
        self,
        keypoint: np.ndarray,
        keypoint_score: np.ndarray,
        image_size: tuple[int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn the poses of one tracked person into what is asked for.

        Lifting to 3D looks at several frames, which is why it comes after
        tracking.

        Args:
            keypoint (np.ndarray): As detected, (T, V, C); frames without the
                person are filled in.
            keypoint_score (np.ndarray): (T, V); 0 in filled frames.
            image_size (tuple[int, int]): Width and height, pixels.

        Returns:
            tuple[np.ndarray, np.ndarray]: (T, V, C) and (T, V), of
            ``skeleton``. Here what was detected.
        """
        return keypoint, keypoint_score
