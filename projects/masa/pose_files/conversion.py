import warnings
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.gaps import fill_invisible_joints
from ..datasets.skeletons import LAYOUTS
from ..extraction.errors import SequenceError
from ..extraction.record_contents import Label, labels_of, pose_contents
from ..extraction.record_contents import (
    make_annotations as annotations_of_contents,
)
from ..support.wording import listed
from .formats import read_pose_sequences
from .search import PoseSource, find_pose_files
from .sequence import PoseSequence


class Person(NamedTuple):
    """One person of a sequence.

    Attributes:
        keypoint (np.ndarray): Joints, (T, V, C), NaN where not found.
        score (np.ndarray): (T, V), 0 where not found.
        sequence (PoseSequence): Of whom the person is one.
        path (Path): The file, or the first of the files.
    """

    keypoint: np.ndarray
    score: np.ndarray
    sequence: PoseSequence
    path: Path

    @property
    def kind(self) -> str:
        """The layout and the number of coordinates, for messages."""
        skeleton = self.sequence.skeleton
        names = [name for name, one in LAYOUTS.items() if one == skeleton]
        joints = names[0] if names else f'{len(skeleton["joints"])} joints'
        return f'{joints} in {self.keypoint.shape[2]}D'

    @property
    def fields(self) -> dict:
        """What the file says of time, and its further fields."""
        fields = dict(self.sequence.fields)
        if self.sequence.timestamps is not None:
            fields['timestamps'] = self.sequence.timestamps
        elif self.sequence.frame_rate is not None:
            fields['frame_rate'] = float(self.sequence.frame_rate)
        return fields


def read_people(
    sources: Iterable[PoseSource],
    layout: dict | None = None,
    person: int = 1,
    min_found: float = 0.5,
    image_size: tuple[int, int] | None = None,
    body_model: Path | None = None,
    if_unnamed: bool = False,
) -> tuple[dict[str, Person], dict[str, str]]:
    """Read one person of every sequence.

    Args:
        sources (Iterable[PoseSource]): The files.
        layout (dict, optional): Of the joints. Defaults to what the files say.
        person (int): Who, by prominence, 1 the first.
        min_found (float): Share of the frames that must show the person.
        image_size (tuple[int, int], optional): Width and height of the
            pictures, for positions that are shares of these. Without it a
            warning says that the pictures are taken to be square.
        body_model (Path, optional): For :func:`read_pose_sequences`.
        if_unnamed (bool): Whether the layout is only for files that do not
            say theirs. Defaults to False.

    Returns:
        tuple[dict[str, Person], dict[str, str]]: The people by the id of the
        sequence, and why others cannot be used. A sequence that its file
        names has this name as id.

    Raises:
        AnnotationError: If two sequences have one id.
    """
    people: dict[str, Person] = {}
    problems: dict[str, str] = {}
    for source in sources:
        path = source.paths[0]
        try:
            sequences = read_pose_sequences(
                source.paths, layout, body_model, if_unnamed
            )
        except AnnotationError as error:
            problems[source.name] = str(error)
            continue
        for one in sequences:
            name = one.name or source.name
            if name in people:
                raise AnnotationError(
                    f'{people[name].path} and {path} both hold a sequence '
                    f'{name!r}: convert them apart'
                )
            where = f'{path}, {one.name}' if one.name else path
            try:
                joints, score = one.person(person, min_found, where)
            except SequenceError as error:
                problems[name] = str(error)
                continue
            if one.normalized and image_size is not None:
                joints = joints * np.array(image_size)
            people[name] = Person(joints, score, one, path)
    _check_units(people, image_size)
    return people, problems


def _check_units(
    people: dict[str, Person], image_size: tuple[int, int] | None
) -> None:
    """Warn where the size of the picture is missing, or in vain."""
    shares = [one for one in people.values() if one.sequence.normalized]
    if shares and image_size is None:
        files = [*dict.fromkeys(str(one.path) for one in shares)]
        warnings.warn(
            f'{listed(files)}: positions are shares of the '
            "picture's width and height, and are read as if it were square; "
            '"masa convert poses --image-size WIDTHxHEIGHT" makes pixels of '
            'them',
            stacklevel=3,
        )
    elif image_size is not None and people and not shares:
        raise AnnotationError(
            'an image size is expected only where positions are shares of '
            "the picture's width and height, which they are in none of the "
            'files: leave out --image-size'
        )


def pose_records(
    path: Path,
    layout: dict | None,
    may_miss: bool,
    others: Collection[str] = (),
) -> tuple[list[dict], dict[str, str]]:
    """Read the sequences of a pose file, or of a folder of them, as records.

    Args:
        path (Path): The file or folder.
        layout (dict, optional): Of the joints of files that do not say theirs.
        may_miss (bool): Whether the model takes joints that are missing. Else
            they are filled in by a mean pose, and it is an error if there is
            none.
        others (Collection[str]): For :func:`find_pose_files`.

    Returns:
        tuple[list[dict], dict[str, str]]: Records, each with the ``skeleton``
        of its joints; and why other sequences cannot be used, by id.

    Raises:
        AnnotationError: As :func:`find_pose_files` and :func:`read_people`.
        ExtractionError: If joints that were not found cannot be filled in.
        OSError: If a file cannot be opened.
    """
    sources = find_pose_files([path], others=others)
    people, problems = read_people(sources, layout, if_unnamed=True)
    # Tables may have numbers in the place of names, and other files may not
    # fit the layout.
    for other in (layout, None) if layout is not None else ():
        refused = [source for source in sources if source.name in problems]
        people |= read_people(refused, other)[0]
        problems = {n: p for n, p in problems.items() if n not in people}
    order = {source.paths[0]: i for i, source in enumerate(sources)}
    people = dict(sorted(people.items(), key=lambda item: order[item[1].path]))
    records = []
    for name, one in people.items():
        skeleton = one.sequence.skeleton
        if may_miss:
            seen = one.score > 0
            pairs = skeleton['flip_pairs']
            filled = fill_invisible_joints(one.keypoint, seen, pairs, None)
            fields = dict(
                total_frames=len(filled),
                keypoint=filled[None].astype(np.float32),
                keypoint_score=one.score[None].astype(np.float32),
            )
        else:
            fields = pose_contents(
                {name: (one.keypoint, one.score)}, skeleton
            )[name]
        records.append(
            dict(frame_dir=name, skeleton=skeleton, **fields, **one.fields)
        )
    return records, problems


def make_annotations(
    inputs: Iterable[Path],
    labels_file: Path | None = None,
    layout: str | None = None,
    person: int = 1,
    min_found: float = 0.5,
    frame_rate: float | None = None,
    skip_broken: bool = False,
    image_size: tuple[int, int] | None = None,
    body_model: Path | None = None,
) -> tuple[dict, dict[str, str]]:
    """Make annotations of pose files.

    People are told apart by the file, or else tracked; gaps are filled as
    :func:`~masa.datasets.gaps.fill_invisible_joints` does.

    Args:
        inputs (Iterable[Path]): For :func:`find_pose_files`.
        labels_file (Path, optional): For
            :func:`~masa.extraction.record_contents.read_labels`. It must have
            a line for every sequence. Defaults to the activities that files
            name.
        layout (str, optional): Name of that of the joints. Defaults to what
            the files say.
        person (int): Who, by prominence, 1 the first.
        min_found (float): Share of the frames that must show the person.
        frame_rate (float, optional): Frames per second of sequences whose
            files do not say theirs.
        skip_broken (bool): Whether to leave out sequences that cannot be
            used. Defaults to False.
        image_size (tuple[int, int], optional): As for :func:`read_people`.
        body_model (Path, optional): For :func:`read_pose_sequences`.

    Returns:
        tuple[dict, dict[str, str]]: The annotations, and by id why sequences
        were left out.

    Raises:
        AnnotationError: If a file cannot be read, a person is not found, the
            layouts of two sequences differ, or a sequence has no label.
        ExtractionError: If the file of labels cannot be read, or none of the
            frames shows the torso.
    """
    if layout is not None and layout not in LAYOUTS:
        raise AnnotationError(
            f'there is no layout {layout!r}; there are {", ".join(LAYOUTS)}'
        )
    people, problems = read_people(
        find_pose_files(inputs),
        LAYOUTS[layout] if layout else None,
        person,
        min_found,
        image_size,
        body_model,
    )
    if problems and not skip_broken:
        raise AnnotationError(next(iter(problems.values())))
    if not people:
        name, problem = next(iter(problems.items()))
        raise AnnotationError(
            f'none of the {len(problems)} sequences can be used; {problem}'
        )
    _check_alike(people)
    train = None
    if labels_file is not None:
        labels = labels_of(people, labels_file)
        train = {n for n, label in labels.items() if label.split == 'train'}
    else:
        labels = {
            name: Label(one.sequence.activity, 'train')
            for name, one in people.items()
        }
    skeleton = next(iter(people.values())).sequence.skeleton
    contents = pose_contents(
        {name: (one.keypoint, one.score) for name, one in people.items()},
        skeleton,
        train,
    )
    for name, fields in contents.items():
        fields.update(people[name].fields)
        if frame_rate is not None and not (
            {'timestamps', 'frame_rate'} & fields.keys()
        ):
            fields['frame_rate'] = float(frame_rate)
    annotations = annotations_of_contents(
        contents, labels, dict(skeleton=skeleton)
    )
    return annotations, problems


def _check_alike(people: dict[str, Person]) -> None:
    """Raise AnnotationError if not all have one layout."""
    first, *others = people
    for name in others:
        if (
            people[name].sequence.skeleton != people[first].sequence.skeleton
            or people[name].kind != people[first].kind
        ):
            raise AnnotationError(
                f'{people[name].path} has {people[name].kind}, but the '
                f'sequence {first!r} has {people[first].kind}, or joints of '
                'other names: convert them apart'
            )
