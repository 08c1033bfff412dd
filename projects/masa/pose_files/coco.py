"""Poses in COCO's format of keypoints: lists of people, each with an image.

The format is that of https://cocodataset.org/#format-data. Detectors write
only the list, which AlphaPose took over; annotation files name the images and
the joints as well.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.problem import is_list_of_names
from ..datasets.skeletons import COCO_17, HALPE_26
from ..extraction.pose_estimator import Detection
from .named_joints import layout_of_names
from .pose_file import PoseFile
from .recorded_rows import number_frames
from .sequence import (
    DetectedPeople,
    JointCount,
    PoseSequence,
    choose_layout,
    make_detection,
    rows_of_joints,
)

LAYOUTS = {17: COCO_17, 26: HALPE_26}
# Halpe's 136 joints and COCO-WholeBody's 133 begin with those of the body.
BODIES = {136: 26, 133: 17}


class PersonInImage(NamedTuple):
    """One person of a list.

    Attributes:
        image (str): Name or number of the image.
        detection (Detection, optional): None if no joint was found.
        identity (Any): Who it is, if the file says.
    """

    image: str
    detection: Detection | None
    identity: Any = None


def read_person(entry: Any, where: str, joints: JointCount) -> PersonInImage:
    """Read one person; an AnnotationError names ``where``, file and entry."""
    if not isinstance(entry, dict) or not (
        {'image_id', 'keypoints'} <= entry.keys()
    ):
        raise AnnotationError(
            f"{where} is expected to have 'image_id' and 'keypoints'"
        )
    rows = rows_of_joints(entry['keypoints'], 3, f'{where}, keypoints')
    rows = rows[: BODIES.get(len(rows))]
    joints.check(len(rows), where)
    key = 'box' if 'box' in entry else 'bbox'
    box = entry.get(key)
    if box is not None:
        left, top, width, height = rows_of_joints(box, 4, f'{where}, {key}')[0]
        box = (left, top, left + width, top + height)
    identity = entry.get('idx', entry.get('track_id'))
    # A list, where several detections became one.
    while isinstance(identity, list) and identity:
        identity = identity[0]
    score = entry.get('score')
    return PersonInImage(
        str(entry['image_id']),
        make_detection(
            rows[:, :2],
            # Of people who were marked, 2 where a joint is not hidden.
            rows[:, 2].clip(max=1),
            box,
            score if isinstance(score, (int, float)) else None,
        ),
        identity,
    )


def arrange_people(
    people: Iterable[PersonInImage], numbers: dict[str, int], skeleton: dict
) -> DetectedPeople:
    """Put people into the frames of a sequence.

    Args:
        people (Iterable[PersonInImage]): The people.
        numbers (dict[str, int]): The frame of every image, from 0.
        skeleton (dict): Layout of the joints.

    Returns:
        DetectedPeople: The sequence, with identities if all have one of
        their own in a frame.
    """
    frames: list[list[Detection]] = [
        [] for _ in range(1 + max(numbers.values()))
    ]
    identities: list[list] = [[] for _ in frames]
    for image, detection, identity in people:
        if detection is not None:
            frames[numbers[image]].append(detection)
            identities[numbers[image]].append(identity)
    return DetectedPeople(
        skeleton=skeleton,
        frames=frames,
        identities=identities if _tell_apart(identities) else None,
    )


def _tell_apart(identities: list[list]) -> bool:
    """Say whether these are numbers that come once in a frame."""
    everyone = [identity for frame in identities for identity in frame]
    return all(
        isinstance(identity, (int, float)) and np.isfinite(identity)
        for identity in everyone
    ) and all(len(set(frame)) == len(frame) for frame in identities)


def is_coco(content: Any) -> bool:
    """Tell whether a JSON file is an annotation file of COCO's keypoints."""
    return (
        isinstance(content, dict)
        and isinstance(content.get('images'), list)
        and isinstance(content.get('annotations'), list)
        and any(
            isinstance(entry, dict) and 'keypoints' in entry
            for entry in content['annotations']
        )
    )


def read_coco(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read the sequences of an annotation file.

    Images are frames of one sequence if their names differ only in the number
    at the end. An AnnotationError says that an image has none, an entry is
    damaged, or the categories of people have different joints.
    """
    (file,) = files
    path, content = file.path, file.json
    names: dict[str, str] = {}
    for number, image in enumerate(content['images']):
        if not isinstance(image, dict) or not (
            {'id', 'file_name'} <= image.keys()
        ):
            raise AnnotationError(
                f"{path}, images[{number}] is expected to have 'id' and "
                "'file_name'"
            )
        names[str(image['id'])] = str(image['file_name'])
    joints = JointCount()
    people: dict[str, list[PersonInImage]] = {}
    categories = set()
    for number, entry in enumerate(content['annotations']):
        if isinstance(entry, dict) and 'keypoints' not in entry:
            # The box of a thing.
            continue
        where = f'{path}, annotations[{number}]'
        person = read_person(entry, where, joints)
        if person.image not in names:
            raise AnnotationError(
                f'{where}: its image {person.image} is not among the images'
            )
        categories.add(entry.get('category_id'))
        people.setdefault(names[person.image], []).append(
            person._replace(image=names[person.image])
        )
    if layout is None:
        layout = _layout_of(content.get('categories'), categories, path)
    skeleton = choose_layout(joints.count, LAYOUTS, layout, str(path))
    sequences = []
    videos = _videos(names.values(), path)
    for name, numbers in videos.items():
        shown = [one for image in numbers for one in people.get(image, ())]
        if any(one.detection is not None for one in shown):
            sequence = arrange_people(shown, numbers, skeleton)
            name = name if len(videos) > 1 else ''
            sequences.append(replace(sequence, name=name))
    if not sequences:
        raise AnnotationError(f'{path}: no joint is found in any image')
    return sequences


def _layout_of(known: Any, used: set, path: Path) -> dict | None:
    """Return the layout of the joints that the categories name."""
    named = {
        tuple(one['keypoints'])
        for one in known or ()
        if isinstance(one, dict)
        and one.get('id') in used
        and is_list_of_names(one.get('keypoints'))
    }
    if len(named) > 1:
        raise AnnotationError(
            f'{path} is expected to have people of one category, but has '
            f'{len(named)} with different joints'
        )
    return layout_of_names(named.pop(), str(path)) if named else None


def split_name(image: str, path: Path) -> tuple[str, int]:
    """Divide the name of an image into the part in front and its number."""
    found = re.fullmatch(r'(.*?)(\d+)(?:\.\w+)?', image)
    if found is None:
        raise AnnotationError(
            f'{path}: image {image!r} is expected to end in the number of a '
            'frame'
        )
    return found[1], int(found[2])


def _videos(images: Iterable[str], path: Path) -> dict[str, dict[str, int]]:
    """Return the frame of every image by the name of the sequence."""
    groups: dict[str, dict[str, int]] = {}
    for image in images:
        prefix, number = split_name(image, path)
        groups.setdefault(prefix.strip(' ._-/'), {})[image] = number
    videos = {}
    for name, numbers in groups.items():
        first = min(numbers.values())
        frames = number_frames([*numbers.values()], first, path)
        videos[name] = dict(zip(numbers, frames.tolist(), strict=True))
    return videos
