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
    DetectedPeople,
    JointCount,
    choose_layout,
    make_detection,
    rows_of_joints,
)

LAYOUTS = {25: OPENPOSE_25, 18: OPENPOSE_18}
# Where people are, and which of their keys has the joints.
_KEYS = {'people': 'pose_keypoints_2d', 'bodies': 'joints'}


def is_openpose(content: Any) -> bool:
    """Tell whether the content of a JSON file is a frame of OpenPose."""
    return isinstance(content, dict) and any(
        isinstance(content.get(key), list) for key in _KEYS
    )


def read_openpose(
    contents: Iterable[tuple[Path, Any]], layout: dict | None = None
) -> DetectedPeople:
    """Read a sequence from the files of its frames, in order.

    Faces and hands are left out. A joint of score 0 was not found. The layout
    defaults to BODY_25 or COCO, by the number of joints. An AnnotationError
    says that a file has another layout, or no frame shows anybody.
    """
    joints, frames, path = JointCount(), [], None
    for path, content in contents:
        frames.append(people_of(content, path, joints))
    return DetectedPeople(
        skeleton=choose_layout(joints.count, LAYOUTS, layout, str(path)),
        frames=frames,
    )


def people_of(
    content: Any, where: str | Path, joints: JointCount
) -> list[Detection]:
    """Return those people of a frame of whom a joint was found.

    ``where`` names the file in messages, and ``joints`` checks that all have
    as many joints. An AnnotationError says that the frame has another layout.
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
    return [person for person in people if person is not None]
