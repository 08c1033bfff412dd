from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class EmbeddedSequence:
    """A sequence with its embeddings.

    Attributes:
        name (str): Its id.
        embedding (np.ndarray): (T, D) float32.
        timestamps (np.ndarray, optional): When each frame was recorded,
            seconds, strictly increasing, (T,) float64; None if not known.
        phase (np.ndarray, optional): (T,) int64, -1 where a frame's phase is
            unknown.
        label (int): Index of the activity, -1 if unknown.
        activity (str): Its name, '' if unknown.
        keypoint (np.ndarray, optional): Joints of the first person,
            (T, V, C), as they were given.
        keypoint_score (np.ndarray, optional): (T, V).
        video (Path, optional): The video file or folder of images.
    """

    name: str
    embedding: np.ndarray
    timestamps: np.ndarray | None = None
    phase: np.ndarray | None = None
    label: int = -1
    activity: str = ''
    keypoint: np.ndarray | None = None
    keypoint_score: np.ndarray | None = None
    video: Path | None = None

    def seconds(self, frame: int) -> float | None:
        """Return when a frame was recorded.

        Args:
            frame (int): Which; negative from the end.

        Returns:
            float, optional: Seconds from the start of the recording, to the
            millisecond; None if not known.
        """
        if self.timestamps is None:
            return None
        return round(float(self.timestamps[frame]), 3)

    def __len__(self) -> int:
        return len(self.embedding)
