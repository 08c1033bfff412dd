"""Joints of sequences as a plain table."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.people import find_people
from ..datasets.skeletons import LAYOUTS, layouts_of
from ..datasets.times import frame_times
from ..support.files import atomic_path

AXES = 'xyz'


def write_joints(
    path: Path,
    records: Sequence[dict],
    layout: dict | None = None,
    person: int | None = None,
    frame_rate: float | None = None,
) -> int:
    """Write joints as CSV: a row for each frame.

    The columns are ``sequence``, ``frame`` (from 0), ``time`` (in seconds,
    empty if unknown) and, for each joint, ``NAME_x``, ``NAME_y``, ``NAME_z``
    (if there is one) and ``NAME_score`` (if some record has scores). What is
    not a number is left empty.

    Args:
        path (Path): The file.
        records (Sequence[dict]): Complete records of one layout, with
            ``keypoint`` (M, T, V, C).
        layout (dict, optional): Layout of the joints of records that do not
            say theirs. Defaults to None.
        person (int, optional): Which of the M people, from 1. Defaults to the
            only one of whom there are joints.
        frame_rate (float, optional): Frames per second of records with
            neither ``timestamps`` nor ``frame_rate``.

    Returns:
        int: The number of rows.

    Raises:
        AnnotationError: If a record has no joints, no such person, or several
            of whom none is chosen, or the names of the joints are unknown.
        OSError: If the file cannot be written.
    """
    without = [
        one['frame_dir'] for one in records if one.get('keypoint') is None
    ]
    if without:
        raise AnnotationError(
            f'{", ".join(without[:3])}: joints (keypoint) are expected, but '
            'there are features only'
        )
    people = [_person(record, person) for record in records]
    names = _joint_names(records[0], layout)
    scored = any(one.get('keypoint_score') is not None for one in records)
    axes = AXES[: records[0]['keypoint'].shape[-1]]
    columns = [*axes, *['score'] * scored]
    header = [f'{name}_{column}' for name in names for column in columns]
    count = 0
    with (
        atomic_path(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        writer = csv.writer(file)
        writer.writerow(['sequence', 'frame', 'time', *header])
        for record, one in zip(records, people, strict=True):
            values = record['keypoint'][one]
            if scored:
                score = record.get('keypoint_score')
                score = (
                    np.full(values.shape[:2], np.nan, np.float32)
                    if score is None
                    else score[one]
                )
                values = np.concatenate([values, score[..., None]], axis=-1)
            # The shortest text that is read as the same number.
            cells = values.reshape(len(values), -1).astype(str)
            cells[cells == 'nan'] = ''
            times = frame_times({'frame_rate': frame_rate} | record)
            for frame, row in enumerate(cells.tolist()):
                time = '' if times is None else round(float(times[frame]), 6)
                writer.writerow([record['frame_dir'], frame, time, *row])
            count += len(cells)
    return count


def _person(record: dict, person: int | None) -> int:
    """Return the position of the person who is meant."""
    number = len(record['keypoint'])
    if person is not None:
        if person > number:
            raise AnnotationError(
                f'{record["frame_dir"]} is of {number} people, and has no '
                f'person {person}'
            )
        return person - 1
    present = np.flatnonzero(
        find_people(record['keypoint'], record.get('keypoint_score')).any(1)
    )
    if len(present) > 1:
        raise AnnotationError(
            f'{record["frame_dir"]} shows {len(present)} people, and a row '
            'holds one: --person N chooses, from 1'
        )
    return int(present[0]) if len(present) else 0


def _joint_names(record: dict, layout: dict | None) -> list[str]:
    number = record['keypoint'].shape[2]
    skeleton = record.get('skeleton') or layout
    if skeleton is None:
        layouts = layouts_of(number) or LAYOUTS
        raise AnnotationError(
            f'the names of the {number} joints of {record["frame_dir"]} are '
            f'not known: give --layout, {" or ".join(layouts)}'
        )
    if len(skeleton['joints']) != number:
        raise AnnotationError(
            f'{record["frame_dir"]} has {number} joints, but the layout '
            f'{len(skeleton["joints"])}'
        )
    return skeleton['joints']
