import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .errors import ExtractionError, SequenceError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
# Containers round durations, and sound may end a little after the picture.
DURATION_SLACK = 1.0


class FrameReader:
    """Reads the frames of a video file or of a folder of images in turn.

    One frame is held at a time, so that memory does not grow with the length.
    Videos are decoded by PyAV: unlike OpenCV it tells a broken stream from
    its end, and unlike decord it is still maintained. A frame is turned
    upright as the container or the image says. Images come in the order of
    the numbers in their names, ``2.jpg`` before ``10.jpg``; hidden files are
    passed over.

    Args:
        path (str | Path): The file or folder.

    Attributes:
        frame_rate (float, optional): Frames per second; None for a folder or
            where the container does not say.
        num_frames (int, optional): As the container claims, which may be
            wrong; exact for a folder; None if not known.

    Raises:
        SequenceError: If there is no such file or folder, the folder has no
            images, the file has no video stream, was cut short, or cannot be
            opened.
        ExtractionError: If the path is a video and PyAV is not installed.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.exists():
            raise SequenceError(f'there is no video or folder {self.path}')
        self.frame_rate = None
        self.images = None
        if self.path.is_dir():
            self.images = list_images(self.path)
            if not self.images:
                raise SequenceError(
                    f'{self.path} holds no image: expected files named '
                    f'{", ".join("*" + s for s in IMAGE_SUFFIXES)}'
                )
            self.num_frames = len(self.images)
        else:
            with _open(self.path) as container:
                stream = container.streams.best('video')
                self._check_complete(stream)
                rate = stream.average_rate
                self.frame_rate = None if rate is None else float(rate)
                self.num_frames = stream.frames or None
                if not stream.frames and rate and container.duration:
                    seconds = container.duration / 1e6
                    self.num_frames = round(seconds * self.frame_rate)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames.

        Yields:
            np.ndarray: RGB, (H, W, 3) uint8.

        Raises:
            SequenceError: If an image or a part of the video cannot be
                decoded, or the video holds no frame.
        """
        if self.images is None:
            yield from self._decode()
        else:
            for image in self.images:
                yield _read_image(image)

    def _check_complete(self, stream):
        # The demuxer takes the end of the file for the end of the video.
        size = self.path.stat().st_size
        end = max((e.pos + e.size for e in stream.index_entries), default=0)
        if end > size:
            raise SequenceError(
                f'{self.path} was cut short: it has {size} bytes, and its '
                f'index ends at {end}'
            )

    def _decode(self):
        av = _import_av()
        count = 0
        with _open(self.path) as container:
            stream = container.streams.best('video')
            stream.thread_type = 'AUTO'
            end = 0.0
            try:
                for packet in container.demux(stream):
                    if packet.is_corrupt:
                        raise self._damaged(count, 'incomplete data')
                    if packet.pts is not None:
                        last = packet.pts + (packet.duration or 0)
                        end = max(end, float(last * packet.time_base))
                    for frame in packet.decode():
                        # Decoders fill holes with what they guess.
                        if frame.is_corrupt:
                            raise self._damaged(count, 'damaged data')
                        yield _upright(frame)
                        count += 1
            except av.error.FFmpegError as error:
                raise self._damaged(count, error.strerror) from error
            if not count:
                raise SequenceError(f'{self.path} holds no frame')
            start = container.start_time or 0
            claimed = (start + (container.duration or 0)) / 1e6
            # Without an index this is the only sign, and no certain one.
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


def list_images(folder: Path) -> list[Path]:
    """List the images of a folder, in the order of their numbers.

    Args:
        folder (Path): It is not searched below.

    Returns:
        list[Path]: May be empty.
    """
    return sorted(
        (
            path
            for path in folder.iterdir()
            # macOS writes '._1.jpg' beside '1.jpg' on foreign disks.
            if path.suffix.lower() in IMAGE_SUFFIXES
            and not path.name.startswith('.')
            and path.is_file()
        ),
        key=natural_order,
    )


def natural_order(path: Path) -> tuple:
    """Return what to sort paths by, so that ``2`` comes before ``10``.

    Args:
        path (Path): Its last part counts.

    Returns:
        tuple: The key.
    """
    parts = re.split(r'(\d+)', path.name)
    # '1' and '01' are one number: the name itself decides.
    return [int(p) if i % 2 else p for i, p in enumerate(parts)], path.name


def _open(path):
    av = _import_av()
    try:
        # 'file:' as FFmpeg takes 'a:b.mp4' for a protocol; and metadata need
        # not be UTF-8.
        container = av.open(f'file:{path}', metadata_errors='ignore')
    except av.error.FFmpegError as error:
        raise SequenceError(
            f'{path} is no video that can be read: {error.strerror}'
        ) from error
    if not container.streams.video:
        container.close()
        raise SequenceError(f'{path} has no video stream')
    return container


def _import_av():
    try:
        import av
    except ModuleNotFoundError as error:
        raise ExtractionError(
            'reading videos needs PyAV: pip install -c '
            "requirements/constraints.txt -e '.[features]'; folders of images "
            'do without'
        ) from error
    return av


def _upright(frame):
    # The container's rotation is counter-clockwise, as NumPy's.
    turns = round(frame.rotation / 90)
    picture = np.rot90(frame.to_ndarray(format='rgb24'), turns)
    return np.ascontiguousarray(picture)


def _read_image(path):
    try:
        # Not by its name: OpenCV fails on some characters of some systems.
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SequenceError(f'{path} cannot be read: {error}') from error
    # Turned as its EXIF data says.
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise SequenceError(f'{path} is no image that can be read')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
