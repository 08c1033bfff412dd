from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.tracking import people_by_identity, track_people
from ..extraction.pose_estimator import Detection
from ..extraction.poses import check_found, check_person, poses_of_person


@dataclass(frozen=True, eq=False, kw_only=True)
class PoseSequence(ABC):
    """The people in one sequence of a pose file.

    Attributes:
        skeleton (dict): Layout of the joints, as in
            ``masa.datasets.skeletons``; where the joints are not those of a
            body, perhaps without ``root`` and ``torso``.
        name (str): Name of the sequence, if the file holds several. Defaults
            to ''.
        activity (str): Name of the activity, if the file says. Defaults to
            ''.
        frame_rate (float, optional): Frames per second, if the file says.
        timestamps (np.ndarray, optional): Time of every frame in seconds,
            (T,), increasing, if the file says.
        normalized (bool): Whether positions in 2D are shares of the width and
            the height of the picture. Defaults to False.
        fields (dict): What else the file says, as further fields of the
            record, such as ``phase``. Defaults to nothing.
    """

    skeleton: dict
    name: str = ''
    activity: str = ''
    frame_rate: float | None = None
    timestamps: np.ndarray | None = None
    normalized: bool = False
    fields: dict[str, Any] = field(default_factory=dict)

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of frames, T."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether no frame shows anybody."""

    @abstractmethod
    def person(
        self, rank: int, min_found: float, where: str | Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the joints of one person.

        Args:
            rank (int): Who, by prominence, 1 the first.
            min_found (float): Share of the frames that must show the person.
            where (str | Path): The sequence, for messages.

        Returns:
            tuple[np.ndarray, np.ndarray]: Positions (T, V, C), NaN where a
            joint is not found, and scores (T, V), 0 there.

        Raises:
            SequenceError: If there are fewer people, or too few frames show
                the person.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectedPeople(PoseSequence):
    """People as a detector found them, frame by frame.

    Attributes:
        frames (list[list[Detection]]): Of every frame those who are in it.
        identities (list[list[int]], optional): Who each of them is, if the
            file knows: nobody is twice in a frame. Else people are tracked.
    """

    frames: list[list[Detection]]
    identities: list[list[int]] | None = None

    def __len__(self) -> int:
        """Return the number of frames, T."""
        return len(self.frames)

    def is_empty(self) -> bool:
        """Tell whether no frame shows anybody."""
        return not any(self.frames)

    def person(
        self, rank: int, min_found: float, where: str | Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`PoseSequence.person`."""
        people = (
            track_people(self.frames)
            if self.identities is None
            else people_by_identity(self.frames, self.identities)
        )
        return poses_of_person(people, len(self), rank, min_found, where)


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedPeople(PoseSequence):
    """People whom a sensor or a program followed through the sequence.

    Attributes:
        keypoint (np.ndarray): Joints of M people, (M, T, V, C), NaN where one
            is not found. Their order is kept as that of prominence.
        score (np.ndarray, optional): (M, T, V), in [0, 1]; positions of score
            0 do not count. Defaults to 1 for all.
    """

    keypoint: np.ndarray
    score: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of frames, T."""
        return self.keypoint.shape[1]

    def is_empty(self) -> bool:
        """Tell whether no frame shows anybody."""
        return not self._found(self.keypoint, self.score).any()

    def person(
        self, rank: int, min_found: float, where: str | Path
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`PoseSequence.person`."""
        check_person(len(self.keypoint), len(self), rank, where)
        keypoint = self.keypoint[rank - 1]
        score = None if self.score is None else self.score[rank - 1]
        found = self._found(keypoint, score)
        check_found(int(found.any(-1).sum()), len(self), min_found, where)
        score = np.ones(found.shape) if score is None else score
        return (
            np.where(found[..., None], keypoint, np.nan),
            np.where(found, score, 0.0),
        )

    @staticmethod
    def _found(keypoint: np.ndarray, score: np.ndarray | None) -> np.ndarray:
        found = np.isfinite(keypoint).all(-1)
        return found if score is None else found & (score > 0)


def make_detection(
    joints: np.ndarray,
    score: np.ndarray,
    box: Sequence[float] | None = None,
    box_score: float | None = None,
) -> Detection | None:
    """Make a detection of the joints of a person, (V, C), and their scores.

    A joint of score 0, or not finite, was not found; if none was, the result
    is None. The box, left, top, right and bottom, defaults to that of the
    joints, and its score to the mean of theirs.
    """
    found = np.isfinite(joints).all(-1) & (score > 0)
    if not found.any():
        return None
    corners = None
    if box is not None and np.size(box) == 4:
        corners = np.asarray(box, dtype=np.float64).ravel()
    if corners is None or not (corners[2:] > corners[:2]).all():
        seen = joints[found, :2]
        corners = np.concatenate([seen.min(0), seen.max(0)])
    return Detection(
        corners,
        float(score[found].mean() if box_score is None else box_score),
        np.where(found[:, None], joints, np.nan),
        np.where(found, score, 0.0),
    )


def numbers(value: Any, where: str) -> np.ndarray:
    """Make a float64 array of what is expected to be a list of numbers.

    An AnnotationError names ``where``, file and place, if it is anything else.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError):
        array = np.zeros(0)
    if not array.size:
        raise AnnotationError(f'{where} is expected to be a list of numbers')
    return array


def rows_of_joints(value: Any, width: int, where: str) -> np.ndarray:
    """Make rows, (V, width), of ``width`` numbers of every joint in turn.

    An AnnotationError names ``where``, file and place, if they are anything
    else.
    """
    array = numbers(value, where)
    if array.ndim != 1 or len(array) % width:
        raise AnnotationError(
            f'{where} is expected to hold {width} numbers of every joint, but '
            f'has the shape {array.shape}'
        )
    return array.reshape(-1, width)


def choose_layout(
    count: int, known: dict[int, dict], layout: dict | None, where: str
) -> dict:
    """Return the layout of ``count`` joints.

    It is the one that the user gives, else the one that the format has of that
    number. An AnnotationError names ``where``, file and place, if there is
    none, the user's has another number of joints, or nobody is there.
    """
    if not count:
        raise AnnotationError(f'{where}: no frame shows anybody')
    if layout is None:
        if count not in known:
            raise AnnotationError(
                f'{where}: {" or ".join(map(str, known))} joints are '
                f'expected, but there are {count}: say by --layout which '
                'they are'
            )
        return known[count]
    if len(layout['joints']) != count:
        raise AnnotationError(
            f'{where}: the layout has {len(layout["joints"])} joints, but '
            f'there are {count}'
        )
    return layout


class JointCount:
    """Check that all people of a sequence have as many joints.

    Args:
        what (str): What is counted. Defaults to joints.

    Attributes:
        count (int): How many there are; 0 before the first person.
        where (str): File and place of the last person.
    """

    def __init__(self, what: str = 'joints'):
        self.what = what
        self.count = 0
        self.where = ''

    def check(self, count: int, where: str) -> None:
        """Compare the number of joints of one person with those before."""
        if self.count and count != self.count:
            raise AnnotationError(
                f'{where} has {count} {self.what}, but {self.where} has '
                f'{self.count}'
            )
        self.count, self.where = count, where
