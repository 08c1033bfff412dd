from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..support.files import atomic_path
from .drawing import INK, PAPER

# Frame rate of sequences whose own is unknown.
USUAL_RATE = 30.0
BAR = 10
TEXT = 24
HEAD = (70, 70, 70)
DONE = (0, 114, 178)
REST = (210, 210, 210)


def frames_at(
    frames: Iterable[np.ndarray], indices: Iterable[int]
) -> Iterator[np.ndarray]:
    """Select frames of a stream with one in memory at a time.

    Args:
        frames (Iterable[np.ndarray]): All frames, in order.
        indices (Iterable[int]): Frame indices in ascending order; repeats are
            allowed.

    Yields:
        np.ndarray: The frame of each index.

    Raises:
        ValueError: If the indices decrease or the stream ends too early.
    """
    stream = enumerate(frames)
    at, frame = -1, None
    for index in indices:
        if index < at:
            raise ValueError(
                f'indices are expected never to decrease, but {index} comes '
                f'after {at}'
            )
        while at < index:
            try:
                at, frame = next(stream)
            except StopIteration:
                raise ValueError(
                    f'there is no frame {index}: the stream has {at + 1}'
                ) from None
        yield frame


def playback(
    timestamps: Sequence[np.ndarray],
    timeline: np.ndarray,
    reference: int,
    frame_rate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Select the frames of a video that plays sequences in real time.

    Args:
        timestamps (Sequence[np.ndarray]): Time stamps of N sequences in
            seconds, strictly increasing arrays of (T_i,). All sequences start
            together, and a shorter one stops at its last frame.
        timeline (np.ndarray): ``frames`` of
            :func:`~masa.alignment.align_all`, (N, T).
        reference (int): Index of the reference sequence.
        frame_rate (float): Frames per second of the video.

    Returns:
        tuple[np.ndarray, np.ndarray]: Frame indices of every sequence for the
        M frames of the video, as recorded and aligned, (N, M) int64. The
        aligned ones follow the time of the reference. The video is as long as
        the longest sequence.

    Example:
        >>> slow, fast = np.arange(3) / 10, np.arange(6) / 20
        >>> timeline = np.array([[0, 1, 2], [0, 2, 5]])
        >>> recorded, aligned = playback([slow, fast], timeline, 0, 20)
        >>> recorded
        array([[0, 0, 1, 1, 2, 2],
               [0, 1, 2, 3, 4, 5]])
        >>> aligned
        array([[0, 0, 1, 1, 2, 2],
               [0, 0, 2, 2, 5, 5]])
    """
    played = [times - times[0] for times in timestamps]
    duration = max(times[-1] + frame_interval(times) for times in played)
    # Rounded, as some containers round time stamps to a millisecond.
    count = max(1, round(duration * frame_rate))
    middle = (np.arange(count) + 0.5) / frame_rate
    recorded = np.stack(
        [np.searchsorted(times, middle, side='right') - 1 for times in played]
    )
    return recorded, timeline[:, recorded[reference]]


def frame_interval(timestamps: np.ndarray) -> float:
    """Return the median time between frames.

    Args:
        timestamps (np.ndarray): Time stamps in seconds, (T,).

    Returns:
        float: Seconds; 1 / 30 for a single frame.
    """
    if len(timestamps) < 2:
        return 1 / USUAL_RATE
    return float(np.median(np.diff(timestamps)))


def show_in_step(
    names: Sequence[str],
    unaligned: Sequence[Iterable[np.ndarray]],
    aligned: Sequence[Iterable[np.ndarray]],
    unaligned_progress: np.ndarray,
    aligned_progress: np.ndarray,
    height: int = 240,
    matched: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Show sequences side by side, as recorded above and aligned below.

    Args:
        names (Sequence[str]): Names of the N sequences.
        unaligned (Sequence[Iterable[np.ndarray]]): T images of every
            sequence as recorded, RGB (H, W, 3) uint8.
        aligned (Sequence[Iterable[np.ndarray]]): T images of every sequence,
            aligned.
        unaligned_progress (np.ndarray): Played share of each sequence, (N, T),
            in [0, 1], for the progress bar.
        aligned_progress (np.ndarray): The same for the aligned images.
        height (int): Height of the images, in pixels.
        matched (np.ndarray, optional): Whether the aligned images match
            those of the reference, (N, T) bool; others are pale. Defaults to
            None, all do.

    Yields:
        np.ndarray: RGB images of one size with even sides, as video codecs
        require.
    """
    everywhere = np.ones(aligned_progress.shape, bool)
    if matched is None:
        matched = everywhere
    rows = (
        ('as recorded', unaligned, unaligned_progress, everywhere),
        ('aligned', aligned, aligned_progress, matched),
    )
    streams = [[iter(stream) for stream in row[1]] for row in rows]
    for t in range(aligned_progress.shape[1]):
        lines = []
        for (title, _, progress, clear), images in zip(
            rows, streams, strict=True
        ):
            cells = [
                _cell(next(image), name, share, height, shown)
                for name, image, share, shown in zip(
                    names, images, progress[:, t], clear[:, t], strict=True
                )
            ]
            lines.append(add_heading(np.concatenate(cells, axis=1), title))
        picture = np.concatenate(lines)
        high, wide = picture.shape[:2]
        yield np.pad(
            picture,
            ((0, high % 2), (0, wide % 2), (0, 0)),
            mode='edge',
        )


def show_beside(
    titles: Sequence[str],
    images: Sequence[np.ndarray],
    shares: Sequence[float],
    height: int = 240,
) -> np.ndarray:
    """Show images side by side, each with a title and a bar.

    Args:
        titles (Sequence[str]): Titles of the N images.
        images (Sequence[np.ndarray]): RGB, (H, W, 3) uint8 each.
        shares (Sequence[float]): How full the bar of each is, in [0, 1].
        height (int): Height of the images, in pixels.

    Returns:
        np.ndarray: RGB, with even sides, as video codecs require.
    """
    cells = [
        _cell(image, title, share, height)
        for image, title, share in zip(images, titles, shares, strict=True)
    ]
    picture = np.concatenate(cells, axis=1)
    high, wide = picture.shape[:2]
    return np.pad(picture, ((0, high % 2), (0, wide % 2), (0, 0)), mode='edge')


def add_heading(image: np.ndarray, text: str) -> np.ndarray:
    """Put a line of text above an image.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8.
        text (str): The line.

    Returns:
        np.ndarray: The higher image.
    """
    head = np.full((TEXT + 4, image.shape[1], 3), HEAD, np.uint8)
    return np.concatenate([_write(head, text, 15, PAPER), image])


def resize_to_height(image: np.ndarray, height: int) -> np.ndarray:
    """Resize an image, which keeps its proportions.

    Args:
        image (np.ndarray): RGB, (H, W, 3) uint8.
        height (int): Its height, in pixels; it is 80 wide at least.

    Returns:
        np.ndarray: The image.
    """
    width = max(round(image.shape[1] * height / image.shape[0]), 80)
    shrinks = height < image.shape[0]
    way = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((width, height), way))


def _cell(
    image: np.ndarray,
    title: str,
    share: float,
    height: int,
    clear: bool = True,
) -> np.ndarray:
    picture = resize_to_height(image, height)
    if not clear:
        picture = (0.25 * picture + 0.75 * np.array(PAPER)).astype(np.uint8)
    width = picture.shape[1]
    cell = np.full((TEXT + height + 2 * BAR, width + BAR, 3), PAPER, np.uint8)
    cell[TEXT : TEXT + height, :width] = picture
    _write(cell, title, 12, INK)
    bar = slice(TEXT + height + 3, TEXT + height + BAR)
    cell[bar, :width] = REST
    cell[bar, : round(share * width)] = DONE
    return cell


def _write(
    image: np.ndarray, text: str, size: int, color: tuple
) -> np.ndarray:
    """Write a line of text; shorten it from the left if necessary."""
    font = _font(size)
    shown = text
    while len(text) > 1 and font.getlength(shown) > image.shape[1] - 8:
        text = text[1:]
        shown = f'..{text}'
    picture = Image.fromarray(image[:TEXT])
    ImageDraw.Draw(picture).text(
        (4, TEXT - 6), shown, fill=color, font=font, anchor='ls'
    )
    image[:TEXT] = np.asarray(picture)
    return image


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # The font of Matplotlib, where it is installed, has the letters of all
    # European languages, and that of Pillow the Latin ones.
    matplotlib = find_spec('matplotlib')
    if matplotlib is None:
        return ImageFont.load_default(size)
    data = Path(matplotlib.origin).with_name('mpl-data')
    return ImageFont.truetype(data / 'fonts' / 'ttf' / 'DejaVuSans.ttf', size)


def write_video(
    path: Path, images: Iterable[np.ndarray], frame_rate: float
) -> int:
    """Write a video atomically.

    Args:
        path (Path): The file, ``.mp4`` (H.264 if FFmpeg has it, else MPEG-4)
            or ``.gif``.
        images (Iterable[np.ndarray]): RGB, of one size with even sides.
        frame_rate (float): Frames per second.

    Returns:
        int: Number of frames.

    Raises:
        ValueError: If there is no image.
    """
    if path.suffix.lower() == '.gif':
        return _write_gif(path, iter(images), frame_rate)
    import av

    codec = 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'
    count = 0
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), 'w') as container,
    ):
        stream = container.add_stream(
            codec, rate=Fraction(frame_rate).limit_denominator(1001)
        )
        stream.pix_fmt = 'yuv420p'
        if codec == 'libx264':
            # In 0.4 of the default's time, at the same bit rate.
            stream.options = dict(preset='veryfast')
        for image in images:
            if not count:
                stream.height, stream.width = image.shape[:2]
                # FFmpeg's default is too low for large images.
                stream.bit_rate = max(10 * image[..., 0].size, 10**6)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            container.mux(stream.encode(frame))
            count += 1
        if not count:
            raise ValueError(f'there is no image to write to {path}')
        container.mux(stream.encode())
    return count


def _write_gif(
    path: Path, images: Iterator[np.ndarray], frame_rate: float
) -> int:
    # PyAV dithers with a fixed palette, which makes GIFs of drawings ten times
    # as large.
    first = next(images, None)
    if first is None:
        raise ValueError(f'there is no image to write to {path}')
    count = 1

    def others() -> Iterator[Image.Image]:
        nonlocal count
        for image in images:
            count += 1
            yield _with_palette(image)

    with atomic_path(path) as temporary:
        _with_palette(first).save(
            temporary,
            save_all=True,
            append_images=others(),
            duration=1000 / frame_rate,
            loop=0,
        )
    return count


def _with_palette(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image).quantize(dither=Image.Dither.NONE)
