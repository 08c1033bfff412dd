from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import LAYOUTS
from ..datasets.tracking import people_by_identity, track_people
from ..extraction.errors import SequenceError
from ..extraction.poses import poses_of_person
from ..extraction.record_contents import labels_of, pose_contents
from ..extraction.record_contents import (
    make_annotations as annotations_of_contents,
)
from .formats import read_pose_file
from .search import find_pose_files


def make_annotations(
    inputs: Iterable[Path],
    labels_file: Path | None = None,
    layout: str | None = None,
    person: int = 1,
    min_found: float = 0.5,
    frame_rate: float | None = None,
    skip_broken: bool = False,
) -> tuple[dict, dict[str, str]]:
    """Make annotations of pose files.

    People are told apart by the file, or else tracked; gaps are filled as
    :func:`~masa.datasets.gaps.fill_invisible_joints` does.

    Args:
        inputs (Iterable[Path]): For :func:`find_pose_files`.
        labels_file (Path, optional): For
            :func:`~masa.extraction.record_contents.read_labels`. It must have
            a line for every sequence.
        layout (str, optional): Name of that of the joints. Defaults to what
            the files say.
        person (int): Who, by prominence, 1 the first.
        min_found (float): Share of the frames that must show the person.
        frame_rate (float, optional): Frames per second of all sequences.
        skip_broken (bool): Whether to leave out sequences that cannot be
            used. Defaults to False.

    Returns:
        tuple[dict, dict[str, str]]: The annotations, and by id why sequences
        were left out.

    Raises:
        AnnotationError: If a file cannot be read, the layouts of two
            sequences differ, or a sequence has no label.
        ExtractionError: If a person is not found, the file of labels cannot
            be read, or none of the frames shows the torso.
    """
    if layout is not None and layout not in LAYOUTS:
        raise AnnotationError(
            f'there is no layout {layout!r}; there are {", ".join(LAYOUTS)}'
        )
    sources = find_pose_files(inputs)
    labels = train = None
    if labels_file is not None:
        labels = labels_of((source.name for source in sources), labels_file)
        train = {n for n, label in labels.items() if label.split == 'train'}
    skeleton, first = None, ''
    poses, problems = {}, {}
    for name, paths in sources:
        try:
            found = read_pose_file(paths, LAYOUTS[layout] if layout else None)
            people = (
                track_people(found.frames)
                if found.identities is None
                else people_by_identity(found.frames, found.identities)
            )
            pose = poses_of_person(
                people, len(found.frames), person, min_found, paths[0]
            )
        except (AnnotationError, SequenceError) as error:
            if not skip_broken:
                raise
            problems[name] = str(error)
            continue
        skeleton, first = skeleton or found.skeleton, first or name
        if found.skeleton != skeleton or (
            poses and pose[0].shape[1:] != poses[first][0].shape[1:]
        ):
            raise AnnotationError(
                f'{paths[0]} has {_kind(found.skeleton, pose[0])}, but the '
                f'sequence {first!r} has {_kind(skeleton, poses[first][0])}: '
                'convert them apart'
            )
        poses[name] = pose
    if not poses:
        name, problem = next(iter(problems.items()))
        raise AnnotationError(
            f'none of the {len(problems)} sequences can be used; {problem}'
        )
    contents = pose_contents(poses, skeleton, train)
    if frame_rate is not None:
        for fields in contents.values():
            fields['frame_rate'] = float(frame_rate)
    annotations = annotations_of_contents(
        contents, labels, dict(skeleton=skeleton)
    )
    return annotations, problems


def _kind(skeleton: dict, keypoint: np.ndarray) -> str:
    name = next(name for name, layout in LAYOUTS.items() if layout == skeleton)
    return f'{name} in {keypoint.shape[2]}D'
