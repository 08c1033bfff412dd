"""Poses of AlphaPose: one file, ``alphapose-results.json``.

The layouts are those of its ``alphapose/utils/pPose_nms.py``,
https://github.com/MVIG-SJTU/AlphaPose: a list of people, or with ``--format
open`` and ``cmu`` a dict of frames. Frames that show nobody are left out.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import COCO_17, HALPE_26
from ..extraction.pose_estimator import Detection
from .openpose import LAYOUTS as OPENPOSE_LAYOUTS
from .openpose import is_openpose, people_of
from .sequence import (
    DetectedPeople,
    JointCount,
    choose_layout,
    make_detection,
    rows_of_joints,
)

LAYOUTS = {17: COCO_17, 26: HALPE_26}
# Halpe's 136 joints and COCO-WholeBody's 133 begin with those of the body.
BODIES = {136: 26, 133: 17}
# More frames than these, and than this many for every one with people, are
# no numbers of frames.
_MOST_FRAMES = 100_000
_MOST_GAP = 1000


def is_alphapose(content: Any) -> bool:
    """Tell whether the content of a JSON file is AlphaPose's."""
    if isinstance(content, dict):
        return bool(content) and all(map(is_openpose, content.values()))
    return (
        isinstance(content, list)
        and bool(content)
        and isinstance(content[0], dict)
        and {'image_id', 'keypoints'} <= content[0].keys()
    )


def read_alphapose(
    contents: Iterable[tuple[Path, Any]], layout: dict | None = None
) -> DetectedPeople:
    """Read a sequence from the one file that AlphaPose writes for it.

    The layout defaults to COCO's 17 joints or the 26 of Halpe; of whole
    bodies, these are taken. People keep the identities that the file tells. An
    AnnotationError says that the file has another layout, or images without
    the number of a frame.
    """
    ((path, content),) = contents
    joints = JointCount()
    if isinstance(content, dict):
        people = [
            (image, detection, None)
            for image, frame in content.items()
            for detection in people_of(frame, f'{path}, {image!r}', joints)
        ]
        layouts, images = OPENPOSE_LAYOUTS, list(content)
    else:
        people = [
            _person(entry, f'{path}, entry {number}', joints)
            for number, entry in enumerate(content)
        ]
        layouts, images = LAYOUTS, [image for image, _, _ in people]
    numbers = _frame_numbers(images, path)
    frames: list[list[Detection]] = [
        [] for _ in range(1 + max(numbers.values()))
    ]
    identities: list[list[int]] = [[] for _ in frames]
    for image, detection, identity in people:
        if detection is not None:
            frames[numbers[image]].append(detection)
            identities[numbers[image]].append(identity)
    return DetectedPeople(
        skeleton=choose_layout(joints.count, layouts, layout, str(path)),
        frames=frames,
        identities=identities if _tell_apart(identities) else None,
    )


def _person(entry: Any, where: str, joints: JointCount) -> tuple:
    """Return the image, the joints and the identity of a person."""
    if not isinstance(entry, dict) or not (
        {'image_id', 'keypoints'} <= entry.keys()
    ):
        raise AnnotationError(
            f"{where} is expected to have 'image_id' and 'keypoints'"
        )
    rows = rows_of_joints(entry['keypoints'], 3, f'{where}, keypoints')
    rows = rows[: BODIES.get(len(rows))]
    joints.check(len(rows), where)
    box = entry.get('box')
    if box is not None:
        left, top, width, height = rows_of_joints(box, 4, f'{where}, box')[0]
        box = (left, top, left + width, top + height)
    identity = entry.get('idx')
    # A list, where several detections became one.
    while isinstance(identity, list) and identity:
        identity = identity[0]
    score = entry.get('score')
    return (
        str(entry['image_id']),
        make_detection(
            rows[:, :2],
            rows[:, 2],
            box,
            score if isinstance(score, (int, float)) else None,
        ),
        identity,
    )


def _frame_numbers(images: list[str], path: Path) -> dict[str, int]:
    """Number images as frames, from 0 on."""
    numbers, prefixes = {}, set()
    for image in images:
        found = re.fullmatch(r'(.*?)(\d+)(?:\.\w+)?', image)
        if found is None:
            raise AnnotationError(
                f'{path}: image {image!r} is expected to end in the number '
                'of a frame'
            )
        prefixes.add(found[1])
        numbers[image] = int(found[2])
    if len(prefixes) > 1:
        some = ', '.join(sorted(map(repr, prefixes))[:3])
        raise AnnotationError(
            f'{path} is expected to hold one video, but its images are named '
            f'{some} and a number'
        )
    # The images of a video are named 0.jpg, 1.jpg, ..., 10.jpg.
    of_video = prefixes == {''} and all(
        re.split(r'\D', image)[0] == str(n) for image, n in numbers.items()
    )
    first = 0 if of_video else min(numbers.values())
    # Every nth image of a video is a sequence as well.
    step = math.gcd(*(n - first for n in numbers.values())) or 1
    numbers = {image: (n - first) // step for image, n in numbers.items()}
    total = 1 + max(numbers.values())
    if total > max(_MOST_FRAMES, _MOST_GAP * len(numbers)):
        raise AnnotationError(
            f'{path}: the numbers of its {len(numbers)} images are expected '
            f'to be those of frames, but span {total}'
        )
    return numbers


def _tell_apart(identities: list[list]) -> bool:
    """Say whether these are numbers that come once in a frame."""
    everyone = [identity for frame in identities for identity in frame]
    return all(
        isinstance(identity, (int, float)) and np.isfinite(identity)
        for identity in everyone
    ) and all(len(set(frame)) == len(frame) for frame in identities)
