import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


class FrameReader:
    """Reads the frames of a video file or of a folder of images in turn.

    One frame is held at a time, so that memory does not grow with the length.
    Videos are decoded by PyAV: unlike OpenCV it tells a broken stream from
    its end, and unlike decord it is still maintained. A frame is turned
    upright as the container says. Images come in the order of the numbers in
    their names, ``2.jpg`` before ``10.jpg``.

    Args:
        path (str | Path): The file or folder.

    Attributes:
        frame_rate (float, optional): Frames per second; None for a folder or
            where the container does not say.
        num_frames (int, optional): As the container claims, which may be
            wrong; exact for a folder; None if not known.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the folder has no images, the file no video stream, or
            it cannot be opened.
        ModuleNotFoundError: If the path is a video and PyAV is not installed.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'there is no video or folder {self.path}')
        self.frame_rate = None
        self.images = None
        if self.path.is_dir():
            self.images = sorted(
                (
                    p
                    for p in self.path.iterdir()
                    if p.suffix.lower() in IMAGE_SUFFIXES
                ),
                key=_natural_order,
            )
            if not self.images:
                raise ValueError(
                    f'{self.path} holds no image: expected files named '
                    f'{", ".join("*" + s for s in IMAGE_SUFFIXES)}'
                )
            self.num_frames = len(self.images)
        else:
            with _open(self.path) as container:
                stream = container.streams.video[0]
                rate = stream.average_rate
                self.frame_rate = None if rate is None else float(rate)
                self.num_frames = stream.frames or None

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames.

        Yields:
            np.ndarray: RGB, (H, W, 3) uint8.

        Raises:
            ValueError: If an image or a part of the video cannot be decoded,
                or the video holds no frame.
        """
        if self.images is None:
            yield from self._decode()
        else:
            for image in self.images:
                yield _read_image(image)

    def _decode(self):
        av = _import_av()
        count = 0
        with _open(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = 'AUTO'
            try:
                for frame in container.decode(stream):
                    # The container's rotation is counter-clockwise.
                    turns = round(frame.rotation / 90)
                    picture = np.rot90(frame.to_ndarray(format='rgb24'), turns)
                    yield np.ascontiguousarray(picture)
                    count += 1
            except av.error.FFmpegError as error:
                raise ValueError(
                    f'{self.path} cannot be decoded after frame {count}: '
                    f'{error.strerror}'
                ) from error
        if not count:
            raise ValueError(f'{self.path} holds no frame')


def _open(path):
    av = _import_av()
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise ValueError(
            f'{path} is no video that can be read: {error.strerror}'
        ) from error
    if not container.streams.video:
        container.close()
        raise ValueError(f'{path} has no video stream')
    return container


def _import_av():
    try:
        import av
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'reading videos needs PyAV: pip install av (the extras "features" '
            'and "skeletons" bring it); folders of images do without'
        ) from error
    return av


def _read_image(path):
    # Not by its name: OpenCV fails on some characters of some systems.
    data = np.fromfile(path, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise ValueError(f'{path} is no image that can be read')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _natural_order(path):
    return [
        (int(part), '') if part.isdigit() else (-1, part)
        for part in re.split(r'(\d+)', path.name)
    ]
