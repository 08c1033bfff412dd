"""Poses of mmpose: what its inferencers and demos write.

``MMPoseInferencer(pred_out_dir=...)`` writes a file for every video, and for
images a file for each; the demos' ``--save-predictions`` adds the layout of
the joints (https://github.com/open-mmlab/mmpose, ``mmpose/apis/inferencers``,
``mmpose/structures/utils.py``, ``demo``).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..datasets.errors import AnnotationError
from ..datasets.problem import is_integer
from ..datasets.skeletons import COCO_17, H36M_17, HALPE_26
from ..datasets.skeletons import LAYOUTS as ALL_LAYOUTS
from ..extraction.pose_estimator import Detection
from .coco import BODIES
from .sequence import (
    DetectedPeople,
    JointCount,
    choose_layout,
    make_detection,
    numbers,
)

# By the number of coordinates.
LAYOUTS = {2: {17: COCO_17, 26: HALPE_26}, 3: {17: H36M_17}}


def is_video(content: Any) -> bool:
    """Tell whether the content of a JSON file is mmpose's, of a video."""
    if isinstance(content, dict):
        return isinstance(content.get('instance_info'), list)
    return (
        isinstance(content, list)
        and bool(content)
        and isinstance(content[0], dict)
        and isinstance(content[0].get('instances'), list)
    )


def is_image(content: Any) -> bool:
    """Tell whether it is mmpose's, of an image that shows people."""
    return (
        isinstance(content, list)
        and bool(content)
        and isinstance(content[0], dict)
        and {'keypoints', 'keypoint_scores'} <= content[0].keys()
    )


def read_video(
    contents: Iterable[tuple[Path, Any]], layout: dict | None = None
) -> DetectedPeople:
    """Read a sequence from the one file that mmpose writes for a video.

    The layout defaults to what the file says, or else by the number of joints
    to COCO's, Halpe's or, in 3D, Human3.6M's. An AnnotationError says that the
    file has another layout or lacks frames.
    """
    ((path, content),) = contents
    names = None
    if isinstance(content, dict):
        names = _joint_names(content.get('meta_info'))
        content = content['instance_info']
    frames, first = [], None
    for number, frame in enumerate(content):
        where = f'{path}, frame {number}'
        if not isinstance(frame, dict) or not isinstance(
            frame.get('instances'), list
        ):
            raise AnnotationError(
                f"{where} is expected to have 'instances', a list"
            )
        found = frame.get('frame_id', number)
        if not is_integer(found):
            raise AnnotationError(f'{where}: frame_id is no number: {found!r}')
        first = found if first is None else first
        if found != first + number:
            raise AnnotationError(
                f'{where}: frame_id is expected to be {first + number}, but '
                f'is {found}: frames are missing'
            )
        frames.append((where, frame['instances']))
    return _read(frames, layout, names, path)


def read_images(
    contents: Iterable[tuple[Path, Any]], layout: dict | None = None
) -> DetectedPeople:
    """Read the images of a sequence in order, see :func:`read_video`."""
    frames = []
    for path, content in contents:
        if not (content == [] or is_image(content)):
            raise AnnotationError(
                f"{path} is expected to be a list of people with 'keypoints' "
                "and 'keypoint_scores', as other files of the sequence are"
            )
        frames.append((str(path), content))
    return _read(frames, layout, None, Path(frames[0][0]).parent)


def _read(
    frames: list[tuple[str, list]],
    layout: dict | None,
    names: list[str] | None,
    path: Path,
) -> DetectedPeople:
    joints, width = JointCount(), JointCount('coordinates')
    people = [
        [
            _person(person, f'{where}, person {number}', joints, width)
            for number, person in enumerate(instances)
        ]
        for where, instances in frames
    ]
    if layout is None and names is not None and len(names) == joints.count:
        layout = _layout_of_names(names, path)
    known = LAYOUTS.get(width.count, {})
    return DetectedPeople(
        skeleton=choose_layout(joints.count, known, layout, str(path)),
        frames=[
            [found for found in frame if found is not None] for frame in people
        ],
    )


def _person(
    person: Any, where: str, joints: JointCount, width: JointCount
) -> Detection | None:
    if not isinstance(person, dict) or not (
        {'keypoints', 'keypoint_scores'} <= person.keys()
    ):
        raise AnnotationError(
            f"{where} is expected to have 'keypoints' and 'keypoint_scores'"
        )
    positions = numbers(person['keypoints'], f'{where}, keypoints')
    scores = numbers(person['keypoint_scores'], f'{where}, keypoint_scores')
    if (
        positions.ndim != 2
        or positions.shape[1] not in (2, 3)
        or scores.shape != positions.shape[:1]
    ):
        raise AnnotationError(
            f'{where}: keypoints of (joints, 2 or 3) and as many '
            f'keypoint_scores are expected, but they have the shapes '
            f'{positions.shape} and {scores.shape}'
        )
    body = BODIES.get(len(positions))
    joints.check(len(positions[:body]), where)
    width.check(positions.shape[1], where)
    box, score = person.get('bbox'), person.get('bbox_score')
    if box is not None:
        # The inferencers put it into a list of its own.
        box = numbers(box, f'{where}, bbox').ravel()
    return make_detection(
        positions[:body],
        scores[:body],
        box,
        score if isinstance(score, (int, float)) else None,
    )


def _joint_names(meta: Any) -> list[str] | None:
    """Return the names of the joints, if the file has them."""
    names = meta.get('keypoint_id2name') if isinstance(meta, dict) else None
    if not isinstance(names, dict):
        return None
    # JSON has made texts of the numbers.
    found = [names.get(str(i)) for i in range(len(names))]
    return found if all(isinstance(name, str) for name in found) else None


def _layout_of_names(names: list[str], path: Path) -> dict:
    for layout in ALL_LAYOUTS.values():
        if layout['joints'] == names:
            return layout
    if names[0] == 'root' and len(names) == len(H36M_17['joints']):
        # Human3.6M's joints, which mmpose names otherwise.
        return H36M_17
    raise AnnotationError(
        f'{path}: no layout has its joints, {", ".join(names[:20])}: say by '
        '--layout which they are'
    )
