from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class EmbeddedSequence:
    """A sequence with its embeddings.

    A :class:`SequenceCollection` is a set of them.

    Attributes:
        name (str): Id of the sequence.
        embedding (np.ndarray): One row per frame, (T, D) float32.
        timestamps (np.ndarray, optional): Time at which each frame was
            recorded, in seconds, strictly increasing, (T,) float64; None if
            unknown.
        phase (np.ndarray, optional): (T,) int64, negative where a frame's
            phase is unknown.
        label (int): Index of the activity, -1 if unknown.
        activity (str): Name of the activity, '' if unknown.
        keypoint (np.ndarray, optional): Joints of the person that the
            model sees, (T, V, C), in the coordinates that were given; of P
            people side by side, (T, P * V, C).
        keypoint_score (np.ndarray, optional): Confidence of the joints,
            (T, V) or (T, P * V).
        skeleton (dict, optional): Layout of the joints; of 3D joints,
            ``up_axis`` says which way is up.
        video (Path, optional): The video file or folder of images.
        split (str): Name of the split, such as 'train'; '' if unknown.
        canonical_time (np.ndarray, optional): Ground-truth time of every
            frame on the activity's common time axis, (T,) float32, in
            canonical frames.
        inputs (np.ndarray, optional): Inputs of the model, (T, F) float32.
        record (dict, optional): The record of an annotation file that it was
            embedded from, to embed parts of it
            (:meth:`masa.apis.AlignmentInferencer.embed_parts`).
    """

    name: str
    embedding: np.ndarray
    timestamps: np.ndarray | None = None
    phase: np.ndarray | None = None
    label: int = -1
    activity: str = ''
    keypoint: np.ndarray | None = None
    keypoint_score: np.ndarray | None = None
    skeleton: dict | None = None
    video: Path | None = None
    split: str = ''
    canonical_time: np.ndarray | None = None
    inputs: np.ndarray | None = None
    record: dict | None = None

    @property
    def duration(self) -> float | None:
        """Seconds from the first frame to the last; None if unknown."""
        if self.timestamps is None:
            return None
        return float(self.timestamps[-1] - self.timestamps[0])

    def seconds(self, frame: int) -> float | None:
        """Return the time at which a frame was recorded.

        Args:
            frame (int): Index of the frame; negative from the end.

        Returns:
            float, optional: Seconds from the start of the recording, to the
            millisecond; None if unknown.
        """
        if self.timestamps is None:
            return None
        return round(float(self.timestamps[frame]), 3)

    def phase_name(self, phase: int) -> str:
        """Name a phase, as the annotation file does.

        Args:
            phase (int): The phase, not negative.

        Returns:
            str: Its name, or ``phase 2`` where the file has none.
        """
        names = (self.record or {}).get('phase_names') or ()
        return names[phase] if phase < len(names) else f'phase {phase}'

    def __len__(self) -> int:
        return len(self.embedding)
