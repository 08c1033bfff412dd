import math
import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from .errors import SequenceError
from .limits import DEFAULT_LIMITS, MediaLimits

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
# Formats by the first bytes of the file, whatever its suffix. Pillow's
# Image.open has a limit on pixels of its own, which only a global variable
# changes.
_IMAGE_FORMATS = {
    b'\xff\xd8': JpegImageFile,
    b'\x89PNG': PngImageFile,
    b'BM': BmpImageFile,
    b'RIFF': WebPImageFile,
}
# Seconds; containers round durations, and audio may end after the video.
DURATION_SLACK = 1.0
# Of time stamps, in seconds: a container may count milliseconds.
_ROUNDING = 0.002
# Frames per second above which a header is not believed.
MAX_FRAME_RATE = 1000


class FrameReader:
    """Read the frames of a video file or of a folder of images in order.

    One frame is in memory at a time. Frames look as in a player: rotated or
    mirrored according to the container or the EXIF data, and stretched to
    square pixels (the smaller side is enlarged). PyAV decodes videos, Pillow
    images. Images are sorted by the numbers in their names, ``2.jpg`` before
    ``10.jpg``; hidden files are ignored.

    Args:
        path (str | Path): The file or folder.
        limits (MediaLimits): Limits above which a file is refused.

    Attributes:
        frame_rate (float, optional): Mean frames per second according to the
            container; None for a folder or if not given.
        num_frames (int, optional): Number of frames according to the
            container, which may be wrong; exact for a folder; None if not
            known.

    Raises:
        SequenceError: If there is no such file or folder, the folder has no
            images, or the file has no video stream, is truncated, cannot be
            opened or exceeds the limits.
        ExtractionError: If the path is a video and PyAV is not installed.

    Example:
        >>> reader = FrameReader('a.mp4')  # doctest: +SKIP
        >>> frames = list(reader)  # doctest: +SKIP
        >>> reader.timestamps  # doctest: +SKIP
        array([0.        , 0.03333333, 0.06666667])
    """

    def __init__(self, path: str | Path, limits: MediaLimits = DEFAULT_LIMITS):
        self.path = Path(path)
        self.limits = limits
        self.frame_rate = None
        self._times: list[float | None] = []
        if not self.path.exists():
            raise SequenceError(f'there is no video or folder {self.path}')
        self.images = None
        if self.path.is_dir():
            self.images = list_images(self.path)
            if not self.images:
                raise SequenceError(
                    f'{self.path} holds no image: expected files named '
                    f'{", ".join("*" + s for s in IMAGE_SUFFIXES)}'
                )
            self.num_frames = len(self.images)
            return
        with self._open() as container:
            stream = _video_stream(container)
            self._check_complete(stream)
            self._check_size(stream.width, stream.height)
            seconds = (container.duration or 0) / 1e6
            self._check_duration(seconds)
            rate = stream.average_rate or stream.guessed_rate
            self.frame_rate = float(rate) if rate else None
            claimed = round(seconds * (self.frame_rate or 0))
            self.num_frames = stream.frames or claimed or None

    @property
    def frames_read(self) -> int:
        """int: Number of frames read so far, those between samples too."""
        return len(self._times)

    @property
    def timestamps(self) -> np.ndarray | None:
        """np.ndarray, optional: Presentation times of the frames read so far.

        Seconds since the start of the file, strictly increasing, (T,) float64;
        None for a folder of images. For a stream without usable time stamps,
        such as a raw ``.h264`` file, they follow from the frame rate.
        """
        if self.images is not None:
            return None
        times = np.array(self._times, dtype=np.float64)
        if np.isfinite(times).all() and (np.diff(times) > 0).all():
            return times
        if not self.frame_rate:
            return None
        if np.isfinite(times).any():
            warnings.warn(
                f'{self.path}: the time stamps of its frames do not '
                f'increase; {self.frame_rate:g} frames a second are assumed '
                'instead, as its header says',
                stacklevel=2,
            )
        return np.arange(len(times)) / self.frame_rate

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames.

        Yields:
            np.ndarray: RGB, (H, W, 3) uint8.

        Raises:
            SequenceError: If an image or a part of the video cannot be
                decoded, or the video has no frame or exceeds the limits.
        """
        for _, picture in self.sample(0.0):
            yield picture

    def sample(self, time_step: float) -> Iterator[tuple[int, np.ndarray]]:
        """Yield some of the frames.

        Args:
            time_step (float): Least time between two of them in seconds. 0
                for all frames.

        Yields:
            tuple[int, np.ndarray]: The index of the frame, and the frame as
            by iteration.

        Raises:
            SequenceError: As by iteration; and if there is a time step for a
                folder of images, whose times are not known.
        """
        self._times = []
        if self.images is None:
            yield from self._decode(time_step)
            return
        if time_step:
            raise SequenceError(
                f'{self.path} is a folder of images, whose times are not '
                'known: a time step is for videos'
            )
        for i, image in enumerate(self.images):
            self._times.append(None)
            yield i, self._read_image(image)

    def _open(self):
        import av

        try:
            # Without 'file:' FFmpeg takes 'a:b.mp4' for a protocol. Options
            # apply here too, as FFmpeg decodes the first frames to probe the
            # stream.
            container = av.open(
                f'file:{self.path}',
                options=self._decoder_options(),
                **_metadata_options(av.__version__),
            )
        except av.error.FFmpegError as error:
            raise SequenceError(
                f'{self.path} is no video that can be read: {error.strerror}'
            ) from error
        if _video_stream(container) is None:
            container.close()
            raise SequenceError(f'{self.path} has no video stream')
        return container

    def _decoder_options(self) -> dict[str, str]:
        return dict(max_pixels=str(self.limits.max_pixels))

    def _check_complete(self, stream):
        # The demuxer does not report a truncated file.
        size = self.path.stat().st_size
        end = max((e.pos + e.size for e in stream.index_entries), default=0)
        if end > size:
            raise SequenceError(
                f'{self.path} was cut short: it has {size} bytes, and its '
                f'index ends at {end}'
            )

    def _check_size(self, width: int, height: int, path: Path | None = None):
        most = self.limits.max_pixels
        if width * height > most:
            raise SequenceError(
                f'{path or self.path} has frames of {width} x {height} '
                f'pixels, more than the {most:,} that are admitted; '
                '--max-pixels raises the limit'
            )

    def _check_duration(self, seconds: float, count: int = 0):
        most = self.limits.max_seconds
        for found, limit, unit in (
            (seconds, most, 'seconds'),
            (count, most * MAX_FRAME_RATE, 'frames'),
        ):
            if found > limit:
                raise SequenceError(
                    f'{self.path} has {found:,.0f} {unit} or more, of which '
                    f'{limit:,.0f} are admitted; --max-seconds raises the '
                    'limit'
                )

    def _decode(self, time_step: float):
        import av

        count, due = 0, -math.inf
        with self._open() as container:
            stream = _video_stream(container)
            stream.thread_type = 'AUTO'
            stream.codec_context.options = self._decoder_options()
            aspect = stream.sample_aspect_ratio
            start = (container.start_time or 0) / 1e6
            end = 0.0
            try:
                for packet in container.demux(stream):
                    if packet.is_corrupt:
                        raise self._damaged(count, 'incomplete data')
                    if packet.pts is not None:
                        last = packet.pts + (packet.duration or 0)
                        end = max(end, float(last * packet.time_base))
                    for frame in packet.decode():
                        # Decoders conceal missing data by interpolation.
                        if frame.is_corrupt:
                            raise self._damaged(count, 'damaged data')
                        time = frame.time
                        if time is not None:
                            time -= start
                        count += 1
                        self._check_duration(time or 0.0, count)
                        self._times.append(time)
                        if time is None:
                            time = (count - 1) / (self.frame_rate or 1)
                        # Times are rounded to those of the container.
                        if time >= due - _ROUNDING:
                            due = time + time_step
                            yield count - 1, self._as_displayed(frame, aspect)
            except av.error.FFmpegError as error:
                if not (count or stream.width):
                    raise SequenceError(
                        f'{self.path} has frames of more than '
                        f'{self.limits.max_pixels:,} pixels, which '
                        '--max-pixels admits, or is damaged'
                    ) from error
                raise self._damaged(count, error.strerror) from error
            if not count:
                raise SequenceError(f'{self.path} holds no frame')
            claimed = start + (container.duration or 0) / 1e6
            # Without an index this is the only sign of truncation.
            if not stream.frames and claimed - end > DURATION_SLACK:
                warnings.warn(
                    f'{self.path} may have been cut short: its header says '
                    f'{claimed:.1f} s, and its frames end at {end:.1f} s',
                    stacklevel=2,
                )

    def _damaged(self, count, reason):
        return SequenceError(
            f'{self.path} cannot be decoded after frame {count}: {reason}. '
            'Encoding it anew, with ffmpeg for one, keeps what can be saved'
        )

    def _as_displayed(self, frame, aspect: Fraction | None) -> np.ndarray:
        width, height = _square_pixels(frame.width, frame.height, aspect)
        self._check_size(width, height)
        # Starting threads for each frame takes longer than the conversion.
        picture = frame.to_ndarray(
            format='rgb24', width=width, height=height, threads=1
        )
        data = frame.side_data.get('DISPLAYMATRIX')
        if data is not None:
            matrix = np.frombuffer(bytes(data), '<i4').reshape(3, 3)
            picture = _reorient(picture, matrix[:2, :2])
        return np.ascontiguousarray(picture)

    def _read_image(self, path: Path) -> np.ndarray:
        try:
            with _open_image(path) as image:
                self._check_size(*image.size, path)
                return _rgb(ImageOps.exif_transpose(image))
        except SequenceError:
            raise
        # Pillow raises any of these for a damaged file.
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise SequenceError(
                f'{path} is no image that can be read: {error}'
            ) from error


def _open_image(path: Path) -> ImageFile:
    """Read the header of an image; its pixels are decoded on access."""
    try:
        with open(path, 'rb') as file:
            start = file.read(4)
    except OSError as error:
        raise SequenceError(f'{path} cannot be read: {error}') from error
    for magic, image_format in _IMAGE_FORMATS.items():
        if start.startswith(magic):
            return image_format(path)
    raise SequenceError(
        f'{path} is no image that can be read: expected JPEG, PNG, BMP or WebP'
    )


def _video_stream(container):
    """Return the best video stream; cover art of audio files is none."""
    import av

    cover = av.stream.Disposition.attached_pic
    if any(
        not stream.disposition & cover for stream in container.streams.video
    ):
        return container.streams.best('video')
    return None


def _square_pixels(
    width: int, height: int, aspect: Fraction | None
) -> tuple[int, int]:
    """Return the size in square pixels, with the smaller side enlarged.

    ``aspect`` is the aspect ratio of a pixel, width / height; 0 if unknown.
    """
    if not aspect:
        return width, height
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def _reorient(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Rotate and mirror a picture, (H, W, 3), by the display matrix (2, 2).

    The point (x, y), y down, is displayed at ``(x, y) @ matrix``, up to scale
    and translation. Angles are rounded to multiples of 90 degrees.
    """
    (a, b), (c, d) = matrix.tolist()
    if abs(a) + abs(d) < abs(b) + abs(c):
        picture, a, d = picture.swapaxes(0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _rgb(image) -> np.ndarray:
    # Pillow would clip 16-bit gray values at 255.
    if image.mode.startswith('I'):
        gray = np.asarray(image).astype(np.uint16) >> 8
        return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)
    return np.array(image.convert('RGB'))


def list_images(folder: Path) -> list[Path]:
    """List the images of a folder, without subfolders, in natural order."""
    return sorted(
        (
            path
            for path in folder.iterdir()
            # On other file systems macOS writes '._1.jpg' beside '1.jpg'.
            if path.suffix.lower() in IMAGE_SUFFIXES
            and not path.name.startswith('.')
            and path.is_file()
        ),
        key=natural_order,
    )


def natural_order(path: Path) -> tuple:
    """Return the sort key of natural order, with ``2`` before ``10``."""
    parts = re.split(r'(\d+)', path.name)
    # The name decides between '1' and '01'.
    return [int(p) if i % 2 else p for i, p in enumerate(parts)], path.name


def _metadata_options(version: str) -> dict[str, str]:
    """Make PyAV accept metadata that is not UTF-8.

    From 19 on it always does, and has no such option (PyAV-Org/PyAV#2386).
    """
    if int(version.split('.')[0]) < 19:
        return dict(metadata_errors='ignore')
    return {}
