"""Following a source, and what is shown and written of it."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..apis import AlignmentInferencer, EmbeddedSequence, LiveAligner
from ..apis.live_aligner import LiveState
from ..visualization.drawing import PAPER
from ..visualization.sequence_images import SequenceImages
from ..visualization.video import resize_to_height, show_beside, write_video
from ..writers.formats import TABLE_SUFFIXES, output_suffix
from .aligned_video import MAX_RATE
from .live_sources import Source
from .tables import write_columns

# Of q and Escape.
STOP_KEYS = (ord('q'), 27)


class LiveRun:
    """Follow a source along a reference.

    Args:
        inferencer (AlignmentInferencer): The model.
        reference (EmbeddedSequence): The reference.
        source (Source): What is followed.
        rate (float): How often it is embedded in a second.
        height (int): Height of the pictures, in pixels.

    Raises:
        ValueError: If the reference has no joints or no times.
    """

    def __init__(
        self,
        inferencer: AlignmentInferencer,
        reference: EmbeddedSequence,
        source: Source,
        rate: float,
        height: int,
    ):
        print(
            f'embedding {reference.name} at several tempos, once',
            file=sys.stderr,
            flush=True,
        )
        self.live = LiveAligner(
            reference, inferencer, rate=rate, skeleton=source.skeleton
        )
        self.reference, self.source, self.height = reference, source, height
        self.states: list[LiveState] = []
        self._limits = inferencer.limits

    def write(self, paths: list[Path], shown: bool) -> None:
        """Follow the source to its end; write what was found, and say so.

        Args:
            paths (list[Path]): At most one video and one table.
            shown (bool): Whether to show the pictures in a window.

        Raises:
            ValueError: If the source has no frames, or no window can be
                opened.
            OSError: If a file cannot be written.
        """
        table = [
            path for path in paths if output_suffix(path) in TABLE_SUFFIXES
        ]
        video = [path for path in paths if path not in table]
        if video or shown:
            pictures = self._pictures()
            if shown:
                pictures = _show(pictures, self.source.name)
        else:
            pictures = ((time, None) for time in self._follow())
        for path in video:
            rate = min(self.source.frame_rate, MAX_RATE[output_suffix(path)])
            count = write_video(path, in_real_time(pictures, rate), rate)
            print(f'{path}: {count} pictures, {rate:.4g} a second')
        # Without a video, nothing has asked for them yet.
        for _ in pictures:
            pass
        if not self.states:
            raise ValueError(f'{self.source.name} has no frames')
        for path in table:
            self._write_table(path)
        sure = np.mean([state.confidence >= 0.5 for state in self.states])
        waiting = np.mean([state.waiting >= 0.5 for state in self.states])
        last = self.states[-1]
        score = 'unknown' if np.isnan(last.score) else f'{last.score:.2f}'
        print(
            f'{self.source.name}: {sure:.0%} of {len(self.states)} frames '
            f'follow {self.reference.name} with a confidence of 0.5 or more, '
            f'{waiting:.0%} are before or after it; '
            f'score {score}, {last.laps} times to the end'
        )

    def _follow(self) -> Iterator[float]:
        for frame in self.source.frames:
            self.states.append(
                self.live.push(frame.joints, frame.time, frame.score)
            )
            self._image = frame.image
            yield frame.time

    def _pictures(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the time of every frame, and the picture of both."""
        reference = self.reference
        images = SequenceImages(reference, self.height, self._limits)
        # In memory, since the moments come in any order.
        images = [
            resize_to_height(image, self.height)
            for image in images.at(range(len(reference)))
        ]
        first, duration = reference.timestamps[0], reference.duration
        for time in self._follow():
            state = self.states[-1]
            share = (state.reference_time - first) / (duration or 1.0)
            image = images[state.reference_frame].astype(np.float32)
            faded = PAPER + (0.2 + 0.8 * state.confidence) * (image - PAPER)
            told = f'confidence {state.confidence:.2f}'
            if state.waiting >= 0.5:
                told = 'waiting'
            picture = show_beside(
                [
                    f'{time:.1f} s  {told}',
                    f'{state.reference_time:.2f} s  score {state.score:.2f}',
                ],
                [self._image, faded.round().astype(np.uint8)],
                [state.confidence, share],
                self.height,
            )
            yield time, picture

    def _write_table(self, path: Path) -> None:
        columns = {
            'second': [round(one.time, 3) for one in self.states],
            'reference second': [
                round(one.reference_time, 3) for one in self.states
            ],
            'reference frame': [one.reference_frame for one in self.states],
            'confidence': [round(one.confidence, 4) for one in self.states],
            'elsewhere': [round(one.elsewhere, 4) for one in self.states],
            'waiting': [round(one.waiting, 4) for one in self.states],
            # JSON has no NaN.
            'score': [
                None if np.isnan(one.score) else round(one.score, 4)
                for one in self.states
            ],
            'laps': [one.laps for one in self.states],
        }
        write_columns(path, columns, f'{len(self.states)} frames')


def in_real_time(
    pictures: Iterable[tuple[float, np.ndarray]], rate: float
) -> Iterator[np.ndarray]:
    """Repeat or leave out pictures so that they play in real time.

    Args:
        pictures (Iterable[tuple[float, np.ndarray]]): Time in seconds, from
            0, and picture, which is shown until the next one.
        rate (float): Pictures per second of the video.

    Yields:
        np.ndarray: The pictures.

    Example:
        >>> list(in_real_time([(0, 'a'), (0.1, 'b'), (0.4, 'c')], 10))
        ['a', 'b', 'b', 'b', 'c']
    """
    count, picture = 0, None
    for time, following in pictures:
        # Half an interval earlier: times are rounded.
        while picture is not None and (count + 0.5) / rate < time:
            count += 1
            yield picture
        picture = following
    if picture is not None:
        yield picture


def _show(
    pictures: Iterable[tuple[float, np.ndarray]], title: str
) -> Iterator[tuple[float, np.ndarray]]:
    """Show pictures in a window until a key is pressed; pass them on."""
    import cv2

    # Qt ends the process where there is no display.
    displays = ('DISPLAY', 'WAYLAND_DISPLAY')
    has_display = sys.platform != 'linux' or any(map(os.environ.get, displays))
    try:
        if not has_display:
            raise ValueError('there is no display')
        cv2.namedWindow(title)
    # What OpenCV without windows raises.
    except (ValueError, cv2.error) as error:
        raise ValueError(
            'no window can be opened here: give --no-window and --output '
            f'FILE ({str(error).strip().splitlines()[0]})'
        ) from error
    for time, picture in pictures:
        cv2.imshow(title, np.ascontiguousarray(picture[..., ::-1]))
        yield time, picture
        if cv2.waitKey(1) & 0xFF in STOP_KEYS:
            break
    cv2.destroyWindow(title)
