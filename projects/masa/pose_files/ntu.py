"""Skeletons of the second Kinect as NTU RGB+D's ``.skeleton`` files.

The layout is that of ``read_skeleton_file.m`` in the repository
https://github.com/shahroudy/NTURGB-D: the number of frames; of every frame the
number of bodies; of every body ten values, the number of joints, and of every
joint twelve values, the position in meters first, its tracking state last.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import KINECT_25
from ..datasets.text_files import read_text
from .pose_file import PoseFile
from .sequence import RecordedPeople

# Of the dataset's recordings.
FRAME_RATE = 30.0
# Bodies in no more frames than these are mostly errors of the sensor.
FEW_FRAMES = 11
_BODY, _JOINT, _STATES = 10, 12, (0, 1, 2)
_ACTIVITY = re.compile(r'S\d{3}C\d{3}P\d{3}R\d{3}(A\d{3})')


def is_ntu(file: PoseFile) -> bool:
    """Tell whether a file is a skeleton file of NTU RGB+D."""
    lines = file.head.split(b'\n')
    return len(lines) > 1 and all(one.strip().isdigit() for one in lines[:2])


def read_ntu(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read the bodies of a skeleton file, in meters, y up.

    Bodies are told apart by their numbers. As usual for this dataset, those
    come first that move the most: by the standard deviation of their joints,
    after leaving those of 11 frames or fewer for the end. A joint that the
    sensor inferred has score 0.5, one that it did not track 0. The activity is
    that in the file's name, such as A007.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Of its 25 joints, instead of ``KINECT_25``.

    Returns:
        list[RecordedPeople]: The one sequence.

    Raises:
        AnnotationError: If the file is damaged, or nobody is there. The line
            is named.
        OSError: If it cannot be opened.
    """
    (file,) = files
    path = file.path
    layout = KINECT_25 if layout is None else layout
    joints = len(layout['joints'])
    frames = list(_frames(_Lines(path), joints))
    numbers = {number: None for frame in frames for number in frame}
    if not numbers:
        raise AnnotationError(f'{path}: no frame shows anybody')
    empty = np.full((joints, 4), np.nan)
    bodies = [
        np.array([frame.get(number, empty) for frame in frames])
        for number in numbers
    ]
    bodies.sort(key=_prominence, reverse=True)
    values = np.stack(bodies)
    found = _ACTIVITY.match(path.stem)
    return [
        RecordedPeople(
            skeleton=layout,
            keypoint=values[..., :3],
            score=np.nan_to_num(values[..., 3]) / 2,
            activity=found[1] if found else '',
            frame_rate=FRAME_RATE,
        )
    ]


class _Lines:
    """The lines of a file, in turn, as numbers.

    Args:
        path (Path): The file.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lines = enumerate(read_text(path).splitlines(), 1)
        self.number = 0

    def count(self, what: str) -> int:
        """Read a line with a whole number of at least 0."""
        (value,) = self.values(1, what)
        if value < 0 or value % 1:
            self.refuse(what, f'{value:g}')
        return int(value)

    def values(self, width: int, what: str) -> list[float]:
        """Read a line with ``width`` numbers."""
        return [float(word) for word in self.words(width, what)]

    def words(self, width: int, what: str) -> list[str]:
        """Read a line with ``width`` numbers, as they are written."""
        self.number, line = next(self.lines, (self.number, None))
        if line is None:
            raise AnnotationError(
                f'{self.path} is cut off after line {self.number}: {what} is '
                'expected'
            )
        words = line.split()
        try:
            are_numbers = np.array(words, np.float64).shape == (width,)
        except ValueError:
            are_numbers = False
        if not are_numbers:
            self.refuse(what, repr(line.strip()[:40]))
        return words

    def end(self) -> None:
        """Check that nothing but blank lines follows."""
        for number, line in self.lines:
            if line.strip():
                self.number = number
                self.refuse('the end of the file', repr(line.strip()[:40]))

    def refuse(self, what: str, found: str) -> None:
        """Raise AnnotationError."""
        raise AnnotationError(
            f'{self.path}, line {self.number}: {what} is expected, but there '
            f'is {found}'
        )


def _frames(lines: _Lines, joints: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield position and state of the joints, (V, 4), by the body's number."""
    for _ in range(lines.count('the number of frames')):
        # Of so many digits that they differ only as texts.
        frame: dict[str, np.ndarray] = {}
        for _ in range(lines.count('the number of bodies')):
            number = lines.words(_BODY, 'a body of ten values')[0]
            if number in frame:
                lines.refuse('a number of another body', f'{number} again')
            if lines.count('the number of joints') != joints:
                lines.refuse(f'a body of {joints} joints', 'another number')
            rows = np.array(
                [
                    lines.values(_JOINT, 'a joint of twelve values')
                    for _ in range(joints)
                ]
            )
            if not np.isin(rows[:, -1], _STATES).all():
                lines.refuse('a tracking state of 0, 1 or 2', 'another')
            frame[number] = rows[:, [0, 1, 2, -1]]
        yield frame
    lines.end()


def _prominence(body: np.ndarray) -> tuple[bool, float]:
    there = body[~np.isnan(body[:, :, 0]).all(1)]
    return len(there) > FEW_FRAMES, np.nanstd(there[..., :3], (0, 1)).sum()
