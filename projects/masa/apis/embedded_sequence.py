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
        keypoint (np.ndarray, optional): Joints of the person that the
            model sees, (T, V, C), in the coordinates that were given; of P
            people side by side, (T, P * V, C).
        keypoint_score (np.ndarray, optional): (T, V) or (T, P * V).
        video (Path, optional): The video file or folder of images.
    """

    name: str
    embedding: np.ndarray
    phase: np.ndarray | None = None
    label: int = -1
    activity: str = ''
    keypoint: np.ndarray | None = None
    keypoint_score: np.ndarray | None = None
    video: Path | None = None

    def __len__(self) -> int:
        return len(self.embedding)
