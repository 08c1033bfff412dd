"""Poses of AlphaPose: one file, ``alphapose-results.json``.

The layouts are those of its ``alphapose/utils/pPose_nms.py``,
https://github.com/MVIG-SJTU/AlphaPose: a list of people, or with ``--format
open`` and ``cmu`` a dict of frames. Frames that show nobody are left out.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..datasets.errors import AnnotationError
from .coco import (
    LAYOUTS,
    PersonInImage,
    arrange_people,
    read_person,
    split_name,
)
from .openpose import LAYOUTS as OPENPOSE_LAYOUTS
from .openpose import is_openpose, people_of
from .recorded_rows import number_frames
from .sequence import DetectedPeople, JointCount, choose_layout


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
            PersonInImage(image, detection)
            for image, frame in content.items()
            for detection in people_of(frame, f'{path}, {image!r}', joints)
        ]
        layouts, images = OPENPOSE_LAYOUTS, list(content)
    else:
        people = [
            read_person(entry, f'{path}, entry {number}', joints)
            for number, entry in enumerate(content)
        ]
        layouts, images = LAYOUTS, [one.image for one in people]
    numbers = _frame_numbers(images, path)
    skeleton = choose_layout(joints.count, layouts, layout, str(path))
    return arrange_people(people, numbers, skeleton)


def _frame_numbers(images: list[str], path: Path) -> dict[str, int]:
    """Number images as frames, from 0 on."""
    numbers, prefixes = {}, set()
    for image in images:
        prefix, numbers[image] = split_name(image, path)
        prefixes.add(prefix)
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
    frames = number_frames([*numbers.values()], first, path)
    return dict(zip(numbers, frames.tolist(), strict=True))
