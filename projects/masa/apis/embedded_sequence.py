from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class EmbeddedSequence:
    """A sequence with its embeddings.

    Attributes:
        name (str): Its id.
        embedding (np.ndarray): (T, D) float32.
        phase (np.ndarray, optional): (T,) int64, -1 where a frame's phase is
            unknown.
        label (int): Index of the activity, -1 if unknown.
        activity (str): Its name, '' if unknown.
        keypoint (np.ndarray, optional): Joints of the first person,
            (T, V, C), as they were given.
        keypoint_score (np.ndarray, optional): (T, V).
        video (Path, optional): The video file or folder of images.
        frame_rate (float, optional): Frames per second, if constant.
        timestamps (np.ndarray, optional): Time of every frame in seconds,
            (T,).
    """

    name: str
    embedding: np.ndarray
    phase: np.ndarray | None = None
    label: int = -1
    activity: str = ''
    keypoint: np.ndarray | None = None
    keypoint_score: np.ndarray | None = None
    video: Path | None = None
    frame_rate: float | None = None
    timestamps: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.embedding)
