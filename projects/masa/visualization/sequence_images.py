from collections.abc import Iterable, Iterator

import numpy as np

from ..embeddings import EmbeddedSequence
from ..extraction.frames import FrameReader
from ..extraction.limits import DEFAULT_LIMITS, MediaLimits
from .drawing import draw_bones, draw_poses, flatten_poses
from .video import frames_at


class SequenceImages:
    """Images of the frames of a sequence, from its video or its skeleton.

    A 2D skeleton is drawn onto the video, a 3D one is not.

    Args:
        sequence (EmbeddedSequence): The sequence.
        skeleton (dict, optional): Layout of its joints.
        height (int): Height of drawn images, in pixels.
        up_axis (str): Argument of :func:`flatten_poses`.
        limits (MediaLimits): Limits above which a video is refused.

    Raises:
        ValueError: If there is neither a video nor a skeleton.
    """

    def __init__(
        self,
        sequence: EmbeddedSequence,
        skeleton: dict | None,
        height: int,
        up_axis: str = '-y',
        limits: MediaLimits = DEFAULT_LIMITS,
    ):
        self.sequence = sequence
        self.skeleton = skeleton
        self.limits = limits
        self._drawn = None
        if sequence.video is not None:
            return
        if sequence.keypoint is None or skeleton is None:
            raise ValueError(
                f'there is nothing to show of {sequence.name}: neither a '
                'video nor a skeleton is known'
            )
        self._drawn = draw_poses(
            flatten_poses(sequence.keypoint, up_axis),
            skeleton,
            height,
            sequence.keypoint_score,
        )

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
        overlay = (
            keypoint is not None
            and keypoint.shape[-1] == 2
            and self.skeleton is not None
        )
        reader = FrameReader(self.sequence.video, self.limits)
        for index, frame in zip(
            indices, frames_at(reader, indices), strict=True
        ):
            if overlay:
                seen = None if score is None else score[index]
                frame = draw_bones(
                    frame.copy(), keypoint[index], self.skeleton, seen
                )
            yield frame
