from collections.abc import Iterable, Iterator

import numpy as np

from ..embeddings import EmbeddedSequence
from ..extraction.frames import FrameReader
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from .drawing import draw_bones, draw_sequence
from .video import frames_at


def can_be_shown(sequence: EmbeddedSequence) -> bool:
    """Tell whether a sequence has a video or a skeleton.

    Args:
        sequence (EmbeddedSequence): The sequence.

    Returns:
        bool: Whether it has.
    """
    has_skeleton = (
        sequence.keypoint is not None and sequence.skeleton is not None
    )
    return sequence.video is not None or has_skeleton


def check_is_shown(sequence: EmbeddedSequence) -> None:
    """Check that a sequence can be shown.

    Args:
        sequence (EmbeddedSequence): The sequence.

    Raises:
        ValueError: If there is neither a video nor a skeleton.
    """
    if not can_be_shown(sequence):
        raise ValueError(
            f'there is nothing to show of {sequence.name}: neither a video '
            'nor a skeleton is known'
        )


class SequenceImages:
    """Images of the frames of a sequence, from its video or its skeleton.

    A 2D skeleton is drawn onto the video, a 3D one is not.

    Args:
        sequence (EmbeddedSequence): The sequence.
        height (int): Height of drawn images, in pixels.
        limits (MediaLimits): Limits above which a video is refused.

    Raises:
        ValueError: If there is neither a video nor a skeleton.
    """

    def __init__(
        self,
        sequence: EmbeddedSequence,
        height: int,
        limits: MediaLimits = DEFAULT_LIMITS,
    ):
        self.sequence = sequence
        self.limits = limits
        self._drawn = None
        check_is_shown(sequence)
        if sequence.video is not None:
            return
        self._drawn = draw_sequence(sequence, height)

    def at(self, indices: Iterable[int]) -> Iterator[np.ndarray]:
        """Yield the images of frames.

        Args:
            indices (Iterable[int]): Frame indices, never decreasing.

        Yields:
            np.ndarray: RGB, (H, W, 3) uint8.
        """
        if self._drawn is not None:
            yield from (self._drawn[i] for i in indices)
            return
        indices = [int(i) for i in indices]
        keypoint = self.sequence.keypoint
        score = self.sequence.keypoint_score
        skeleton = self.sequence.skeleton
        overlay = (
            keypoint is not None
            and keypoint.shape[-1] == 2
            and skeleton is not None
        )
        reader = FrameReader(self.sequence.video, self.limits)
        for index, frame in zip(
            indices, frames_at(reader, indices), strict=True
        ):
            if overlay:
                seen = None if score is None else score[index]
                frame = draw_bones(
                    frame.copy(), keypoint[index], skeleton, seen
                )
            yield frame
