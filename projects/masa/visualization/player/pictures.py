import base64
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...extraction.frames import FrameReader
from ...extraction.limits import MediaLimits
from ..video import frame_interval, frames_at, resize_to_height
from .joints import place_joints
from .tracks import Track

# The largest number of pictures in a second.
RATE = 30.0
# Bytes of a page, about: a browser reads all of it before it plays. Of longer
# recordings fewer pictures a second are shown.
LARGEST = 50e6
# Pictures are WebP and not H.264, as a browser does not always show the very
# frame of a video that is sought. On three clips of 3 to 10 s at a height of
# 240 pixels, WebP takes 5.3 kB a picture (150 kB a second), and Chromium 150
# shows one in 9 ms; H.264 of key frames alone takes 2.6 kB and 14 ms, but of
# 100 frames that were sought up to 3 were not shown when it said so.
FORMAT = dict(format='WEBP', quality=50, method=2)
# Of the page, as base64, for a pixel of a picture; and for a coordinate.
PIXEL_BYTES, COORDINATE_BYTES = 0.085, 5.0


def show_tracks(
    tracks: Sequence[Track], height: int, limits: MediaLimits
) -> tuple[list[dict], list[dict]]:
    """Make what is seen of tracks: pictures of their videos, and joints.

    The pictures of a video are made once for all tracks that are parts of it.

    Args:
        tracks (Sequence[Track]): The tracks.
        height (int): Height of the pictures in pixels; a smaller video is not
            enlarged.
        limits (MediaLimits): Limits above which a video is refused.

    Returns:
        tuple[list[dict], list[dict]]: For every video ``width``, ``height``,
        ``frames`` (those that have a picture) and ``pictures`` (WebP as
        base64). For every track ``video``, its position or None, and
        ``joints``, as of :func:`place_joints` or None; 3D joints are not
        shown beside a video.

    Raises:
        OSError: If a video cannot be read.
        ValueError: If a video has fewer frames than a track.
    """
    paths = [one.sequence.video for one in tracks]
    videos = [
        _Video(path, [t for t in tracks if t.sequence.video == path], limits)
        for path in dict.fromkeys(path for path in paths if path is not None)
    ]
    jointed = [_shows_joints(one) for one in tracks]
    rate = _choose_rate(
        sum(one.bytes_at_one_hertz(height) for one in videos)
        + sum(
            COORDINATE_BYTES * one.sequence.keypoint[0].size * _duration(one)
            for one, has_joints in zip(tracks, jointed, strict=True)
            if has_joints
        )
    )
    order = [one.path for one in videos]
    seen = []
    for track, path, has_joints in zip(tracks, paths, jointed, strict=True):
        video = None if path is None else order.index(path)
        joints = None
        if has_joints:
            size = None if video is None else videos[video].size
            joints = place_joints(track, keep(track.times, rate), size)
        seen.append(dict(video=video, joints=joints))
    return [one.show(height, rate) for one in videos], seen


def keep(times: np.ndarray, rate: float) -> np.ndarray:
    """Choose frames that come at most so often in a second.

    Args:
        times (np.ndarray): Time stamps in seconds, strictly increasing, (T,).
        rate (float): In Hz; frames of up to 1.1 times this rate are all kept.

    Returns:
        np.ndarray: Their positions, (K,) int64, the first one among them.

    Example:
        >>> keep(np.arange(6) / 60, 30).tolist()
        [0, 2, 4]
    """
    if frame_interval(times) * rate > 0.9:
        return np.arange(len(times))
    # Times are rounded, and a frame may be due a little later.
    slots = np.floor((times - times[0]) * rate + 0.01)
    return np.unique(slots, return_index=True)[1]


class _Video:
    """The frames of a video that belong to tracks, and their pictures."""

    def __init__(
        self, path: Path, tracks: Sequence[Track], limits: MediaLimits
    ):
        self.path, self._limits = path, limits
        numbers = np.concatenate(
            [one.first_frame + np.arange(len(one.sequence)) for one in tracks]
        )
        self._frames, first = np.unique(numbers, return_index=True)
        self._times = np.concatenate([one.times for one in tracks])[first]
        # Width and height.
        self.size = next(self._read([0])).shape[1::-1]

    def _read(self, frames: Sequence[int]) -> Iterator[np.ndarray]:
        return frames_at(FrameReader(self.path, self._limits), frames)

    def bytes_at_one_hertz(self, height: int) -> float:
        """Estimate the bytes that one picture a second takes in the page."""
        width, own = self.size
        share = min(height / own, 1.0)
        duration = len(self._frames) * frame_interval(self._times)
        return PIXEL_BYTES * width * own * share**2 * duration

    def show(self, height: int, rate: float) -> dict:
        """Make the pictures."""
        frames = self._frames[keep(self._times, rate)].tolist()
        height = min(height, self.size[1])
        pictures, width = [], 0
        for frame in self._read(frames):
            image = resize_to_height(frame, height)
            width = image.shape[1]
            data = io.BytesIO()
            Image.fromarray(image).save(data, **FORMAT)
            pictures.append(base64.b64encode(data.getvalue()).decode('ascii'))
        return dict(
            width=width, height=height, frames=frames, pictures=pictures
        )


def _choose_rate(bytes_at_one_hertz: float) -> float:
    if bytes_at_one_hertz * RATE <= LARGEST:
        return RATE
    rate = LARGEST / bytes_at_one_hertz
    warnings.warn(
        f'the page shows {rate:.2g} pictures a second instead of {RATE:g}, so '
        f'that it has no more than about {LARGEST / 1e6:.0f} MB: a smaller '
        '--height or shorter recordings make room for more',
        # Where the page is asked for.
        stacklevel=5,
    )
    return rate


def _shows_joints(track: Track) -> bool:
    sequence = track.sequence
    if sequence.keypoint is None or sequence.skeleton is None:
        return False
    return sequence.video is None or sequence.keypoint.shape[-1] == 2


def _duration(track: Track) -> float:
    return len(track.sequence) * frame_interval(track.times)
