from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.errors import AnnotationError
from ..extraction.pose_estimator import Detection


@dataclass(frozen=True, eq=False)
class PoseSequence:
    """The people in the frames of one sequence.

    Attributes:
        skeleton (dict): Layout of the joints, as in
            ``masa.datasets.skeletons``.
        frames (list[list[Detection]]): Of every frame those who are in it.
        identities (list[list[int]], optional): Who each of them is, if the
            file knows: nobody is twice in a frame.
    """

    skeleton: dict
    frames: list[list[Detection]]
    identities: list[list[int]] | None = None


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
