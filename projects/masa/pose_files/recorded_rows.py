import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.errors import AnnotationError
from ..extraction.pose_estimator import Detection
from .sequence import (
    DetectedPeople,
    PoseSequence,
    RecordedPeople,
    make_detection,
)

# More frames than these, and than this many for every one with people, are
# no numbers of frames.
_MOST_FRAMES = 100_000
_MOST_GAP = 1000
# Seconds between frames that nobody records.
_LONGEST_STEP = 10


def number_frames(
    numbers: Sequence[int] | np.ndarray, first: int, where: str | Path
) -> np.ndarray:
    """Number frames from 0 on, where every nth frame may be there alone.

    Args:
        numbers (Sequence[int] | np.ndarray): Numbers of frames, in any order.
        first (int): The one that becomes 0.
        where (str | Path): The file, for messages.

    Returns:
        np.ndarray: As many numbers.

    Raises:
        AnnotationError: If they span too much to be numbers of frames.

    Example:
        >>> number_frames([11, 15, 13], 11, '')
        array([0, 2, 1])
    """
    # Integers of any size: names of images may be times in nanoseconds.
    offsets = [int(number) - first for number in numbers]
    found = set(offsets)
    # Every nth image of a video is a sequence as well.
    step = math.gcd(*found) or 1
    total = 1 + max(found) // step
    if total > max(_MOST_FRAMES, _MOST_GAP * len(found)):
        raise AnnotationError(
            f'{where}: the numbers of its {len(found)} images are expected '
            f'to be those of frames, but span {total}'
        )
    return np.array([offset // step for offset in offsets])


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedRows:
    """Rows of a table, each with the joints of one person in one frame.

    Attributes:
        path (Path): The file.
        keypoint (np.ndarray): (N, V, C), NaN where not found.
        lines (np.ndarray): Line of every row, (N,), for messages.
        what (str): What the file has instead of lines. Defaults to 'line'.
        score (np.ndarray): (N, V), in [0, 1].
        frame (np.ndarray, optional): Number of every row's frame, (N,).
        seconds (np.ndarray, optional): Time of every row, (N,).
        person (Sequence[str], optional): Who it is; '' if that is not known.
        sequence (Sequence[str], optional): Name of its sequence.
    """

    path: Path
    keypoint: np.ndarray
    lines: np.ndarray
    what: str = 'line'
    score: np.ndarray
    frame: np.ndarray | None = None
    seconds: np.ndarray | None = None
    person: Sequence[str] | None = None
    sequence: Sequence[str] | None = None

    def sequences(self, skeleton: dict, **fields: Any) -> list[PoseSequence]:
        """Arrange the rows by sequence, person and frame.

        People are sorted by the number of frames that show them. Where several
        in a frame have no identity, they are left to be tracked.

        Args:
            skeleton (dict): Layout of the joints.
            **fields (Any): Further attributes of the sequences.

        Returns:
            list[PoseSequence]: In the order of their first rows.

        Raises:
            AnnotationError: If a frame comes twice, or a number of a frame or
                a time cannot be one. The line is named.
        """
        return [
            self._arrange(rows, dict(fields, skeleton=skeleton, name=name))
            for name, rows in _groups(self.sequence, len(self.keypoint))
        ]

    def _arrange(self, rows: np.ndarray, fields: dict) -> PoseSequence:
        people = list(
            _groups(self.person and [self.person[i] for i in rows], len(rows))
        )
        places = self._places(rows, len(people))
        length = 1 + int(places.max())
        fields['timestamps'] = self._timestamps(rows, places, length)
        for name, chosen in people:
            again = _repeated(places[chosen])
            if again is None:
                continue
            if self.person is not None and not name:
                return self._detected(rows, places, length, fields)
            first, second = self.lines[rows[chosen[again]]]
            raise AnnotationError(
                f'{self.path}, line {second}: this frame'
                + (f' of {name}' if name else '')
                + f" is in line {first} already; a column 'sequence' tells "
                "sequences apart, and 'person' people"
            )
        found = np.isfinite(self.keypoint[rows]).all(-1).any(-1)
        people.sort(key=lambda person: -found[person[1]].sum())
        shape = (len(people), length, *self.keypoint.shape[1:])
        keypoint = np.full(shape, np.nan)
        score = np.zeros(shape[:-1])
        for rank, (_, chosen) in enumerate(people):
            keypoint[rank, places[chosen]] = self.keypoint[rows[chosen]]
            score[rank, places[chosen]] = self.score[rows[chosen]]
        return RecordedPeople(**fields, keypoint=keypoint, score=score)

    def _detected(
        self, rows: np.ndarray, places: np.ndarray, length: int, fields: dict
    ) -> DetectedPeople:
        frames: list[list[Detection]] = [[] for _ in range(length)]
        for row, place in zip(rows, places, strict=True):
            found = make_detection(self.keypoint[row], self.score[row])
            if found is not None:
                frames[place].append(found)
        return DetectedPeople(**fields, frames=frames)

    def _places(self, rows: np.ndarray, people: int) -> np.ndarray:
        """Return the frame of every row, from 0."""
        if self.frame is not None:
            numbers = self.frame[rows]
            wrong = np.flatnonzero(
                ~np.isfinite(numbers) | (numbers != np.round(numbers))
            )
            if len(wrong):
                raise AnnotationError(
                    f'{self._where(rows[wrong[0]])}: the whole number of a '
                    'frame is expected, but there is '
                    f'{_shown(numbers[wrong[0]])}'
                )
            return number_frames(numbers, int(numbers.min()), self.path)
        if self._has_times(rows):
            return np.unique(self.seconds[rows], return_inverse=True)[1]
        if people > 1:
            raise AnnotationError(
                f"{self.path} is expected to have a column 'frame', as it "
                f'shows {people} people'
            )
        return np.arange(len(rows))

    def _has_times(self, rows: np.ndarray) -> bool:
        if self.seconds is None or np.isnan(self.seconds[rows]).all():
            return False
        missing = rows[~np.isfinite(self.seconds[rows])]
        if len(missing):
            raise AnnotationError(
                f'{self._where(missing[0])}: a time is expected, as in other '
                'rows'
            )
        return True

    def _timestamps(
        self, rows: np.ndarray, places: np.ndarray, length: int
    ) -> np.ndarray | None:
        """Return the time of every frame, those of missing ones between."""
        if not self._has_times(rows):
            return None
        order = np.argsort(places, kind='stable')
        rows, places = rows[order], places[order]
        seconds = self.seconds[rows]
        same = np.diff(places) == 0
        steps = np.diff(seconds)
        wrong = np.flatnonzero(np.where(same, steps != 0, steps <= 0))
        if len(wrong):
            row = rows[wrong[0] + 1]
            raise AnnotationError(
                f'{self._where(row)}: the time of a frame is expected to be '
                'that of its other rows and later than that of the frame '
                f'before, {_shown(seconds[wrong[0]])}, but is '
                f'{_shown(self.seconds[row])}'
            )
        step = 0 if same.all() else np.median(steps[~same])
        if step > _LONGEST_STEP:
            raise AnnotationError(
                f'{self.path}: times are expected in seconds, but frames are '
                f'{_shown(step)} apart; milliseconds need a column '
                "'time_ms'"
            )
        return np.interp(np.arange(length), places, seconds)

    def _where(self, row: int) -> str:
        return f'{self.path}, {self.what} {self.lines[row]}'


def _repeated(places: np.ndarray) -> np.ndarray | None:
    """Return two positions of a frame that comes twice, if one does."""
    order = np.argsort(places, kind='stable')
    again = np.flatnonzero(np.diff(places[order]) == 0)
    return order[again[0] : again[0] + 2] if len(again) else None


def _groups(
    names: Sequence[str] | None, count: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Divide rows by their names, in the order of the first ones."""
    if names is None:
        yield '', np.arange(count)
        return
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    for name, rows in groups.items():
        yield name, np.array(rows)


def _shown(number: float) -> str:
    return 'none' if np.isnan(number) else f'{number:.10g}'
