"""Poses of OpenPose: a file a frame.

The layout is that of doc/02_output.md in the repository
https://github.com/CMU-Perceptual-Computing-Lab/openpose. AlphaPose writes the
same with ``--format open``, and with ``--format cmu`` that of older versions.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import OPENPOSE_18, OPENPOSE_25
from ..extraction.pose_estimator import Detection
from .sequence import (
    JointCount,
    PoseSequence,
    choose_layout,
    make_detection,
    rows_of_joints,
)

LAYOUTS = {25: OPENPOSE_25, 18: OPENPOSE_18}
# Where people are, and which of their keys has the joints.
_KEYS = {'people': 'pose_keypoints_2d', 'bodies': 'joints'}


def is_openpose(content: Any) -> bool:
    """Tell whether a JSON file is a frame of OpenPose.

    Args:
        content (Any): Of the file.

    Returns:
        bool: True if so.
    """
    return isinstance(content, dict) and any(
        isinstance(content.get(key), list) for key in _KEYS
    )


def read_openpose(
    contents: Iterable[tuple[Path, Any]], layout: dict | None = None
) -> PoseSequence:
    """Read the frames of a sequence.

    Faces and hands are left out. A joint of score 0 was not found.

    Args:
        contents (Iterable[tuple[Path, Any]]): File and content of every
            frame, in order.
        layout (dict, optional): Of the joints. Defaults to BODY_25 or COCO,
            by their number.

    Returns:
        PoseSequence: The people.

    Raises:
        AnnotationError: If a file has another layout or no frame shows
            anybody.
    """
    joints, frames, path = JointCount(), [], None
    for path, content in contents:
        frames.append(people_of(content, path, joints))
    return PoseSequence(
        choose_layout(joints.count, LAYOUTS, layout, str(path)), frames
    )


def people_of(
    content: Any, where: str | Path, joints: JointCount
) -> list[Detection]:
    """Read the people of one frame.

    Args:
        content (Any): Of the file.
        where (str | Path): The file, for messages.
        joints (JointCount): Of those before.

    Returns:
        list[Detection]: Those of whom a joint was found.

    Raises:
        AnnotationError: If it has another layout.
    """
    if not is_openpose(content):
        raise AnnotationError(
            f"{where} is expected to be a frame of OpenPose, with 'people', "
            'as other files of the sequence are'
        )
    list_key = next(key for key in _KEYS if isinstance(content.get(key), list))
    key = _KEYS[list_key]
    people = []
    for number, person in enumerate(content[list_key]):
        what = f'{where}, {list_key}[{number}]'
        if not isinstance(person, dict) or key not in person:
            raise AnnotationError(f'{what} is expected to have {key!r}')
        # So it is of somebody of whom only the face or the hands were found.
        if person[key] == []:
            continue
        rows = rows_of_joints(person[key], 3, f'{what}.{key}')
        joints.check(len(rows), what)
        people.append(make_detection(rows[:, :2], rows[:, 2]))
    return [one for one in people if one is not None]
