"""Tables of joints: CSV files whose columns have names.

Wide tables have a row for each person and frame, with ``nose_x`` and
``nose_y`` or the like for each joint; long ones a row for each joint.
"""

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.people import find_joints
from ..support.wording import listed
from .csv_table import Cells, read_cells
from .joint_columns import (
    ROLES,
    JointColumns,
    find_joint_columns,
    find_parts,
    find_role,
    layout_and_order,
)
from .picture_units import settle_units
from .pose_file import PoseFile
from .recorded_rows import RecordedRows
from .sequence import PoseSequence

# Columns that are left out without a warning: the index that pandas writes,
# and what Anipose, MediaPipe and SLEAP add.
_KNOWN = re.compile(
    r'(Unnamed: \d+)?|.+_(error|ncams)|M_\d\d|center_\d|.*presence.*'
    r'|((instance|track|tracking)[._])?score',
    re.IGNORECASE,
)
# Several people in a row, of SLEAP.
_SIDE_BY_SIDE = re.compile(r'inst\d+\.track')
# One joint is no pose.
_LEAST_JOINTS = 2


def is_wide(file: PoseFile) -> bool:
    """Tell whether a CSV file has columns of joints, as ``nose_x``."""
    header = file.table.rows[0]
    if is_long(file) or any(map(_SIDE_BY_SIDE.fullmatch, header)):
        return False
    return len(find_joint_columns(header, file.path).names) >= _LEAST_JOINTS


def is_long(file: PoseFile) -> bool:
    """Tell whether a CSV file has a row for each joint of a frame."""
    header, path = file.table.rows[0], file.path
    return (
        {'x', 'y'} <= find_parts(header).keys()
        and find_role(header, 'joint', path) is not None
        and any(
            find_role(header, role, path) is not None
            for role in ('frame', 'seconds', 'milliseconds')
        )
    )


def read_wide(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read a table with a row for each person and frame.

    Columns are found by their names, in any order; others are left out with a
    warning. Rows may be in any order. An AnnotationError names the column or
    the line that cannot be used.
    """
    (file,) = files
    header = file.table.rows[0]
    joints = find_joint_columns(header, file.path)
    roles = _roles(file)
    _warn_of_others(file, {*roles.columns, *_columns_of(joints)})
    lacking = [
        name
        for name, parts in zip(joints.names, joints.parts, strict=True)
        if 'z' not in parts
    ]
    if 0 < len(lacking) < len(joints.names):
        raise AnnotationError(
            f'{file.path} is expected to have z of all joints or of none, but '
            f'lacks that of {", ".join(lacking[:10])}'
        )
    skeleton, order = layout_and_order(joints.names, layout, str(file.path))
    parts = [joints.parts[i] for i in order]
    axes = 'xy' if lacking else 'xyz'
    wanted = [part[axis] for part in parts for axis in axes]
    scored = [i for i, part in enumerate(parts) if 'score' in part]
    wanted += [parts[i]['score'] for i in scored]
    cells, fields = roles.read(wanted)
    split = len(parts) * len(axes)
    keypoint = cells.numbers[:, :split].reshape(-1, len(parts), len(axes))
    score = None
    if scored:
        score = np.ones(keypoint.shape[:2])
        score[:, scored] = cells.numbers[:, split : split + len(scored)]
    return _sequences(keypoint, score, cells.lines, fields, file, skeleton)


def read_long(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read a table with a row for each joint of a person in a frame.

    Joints are in the order of their numbers, or of their first rows. See
    :func:`read_wide`.
    """
    (file,) = files
    header, path = file.table.rows[0], file.path
    joint = find_role(header, 'joint', path)
    parts = find_parts(header)
    axes = [axis for axis in 'xyz' if axis in parts]
    roles = _roles(file)
    _warn_of_others(file, {*roles.columns, joint, *parts.values()})
    columns = [parts[one] for one in (*axes, 'score') if one in parts]
    cells, fields = roles.read(columns, [joint])
    joints, joint_of = _unique(cells.texts[-1])
    skeleton, order = layout_and_order(joints, layout, str(path))
    keys = [list(value) for value in fields.values() if value is not None]
    _, row_of = _unique(list(zip(*keys, strict=True)))
    first = np.unique(row_of, return_index=True)[1]
    _check_once(row_of, joint_of, cells.lines, path)
    values = np.full((len(first), len(joints), len(columns)), np.nan)
    values[row_of, joint_of] = cells.numbers[:, : len(columns)]
    values = values[:, order]
    return _sequences(
        values[..., : len(axes)],
        values[..., -1] if 'score' in parts else None,
        cells.lines[first],
        _of_rows(fields, first),
        file,
        skeleton,
    )


class _Roles(NamedTuple):
    """Columns of a table that say whose a row is, and when."""

    file: PoseFile
    numbers: dict[str, int]
    texts: dict[str, int]

    @property
    def columns(self) -> list[int]:
        return [*self.numbers.values(), *self.texts.values()]

    def read(
        self, numbers: list[int], texts: list[int] | None = None
    ) -> tuple[Cells, dict]:
        """Read columns, and fields of :class:`RecordedRows` beside them."""
        cells = read_cells(
            self.file.path,
            self.file.table.delimiter,
            [*numbers, *self.numbers.values()],
            [*self.texts.values(), *(texts or [])],
        )
        fields = dict.fromkeys(('frame', 'seconds', 'person', 'sequence'))
        for i, role in enumerate(self.numbers, start=len(numbers)):
            fields[role] = cells.numbers[:, i]
        if 'milliseconds' in fields:
            fields['seconds'] = fields.pop('milliseconds') / 1000
        fields.update(zip(self.texts, cells.texts, strict=False))
        return cells, fields


def _roles(file: PoseFile) -> _Roles:
    header = file.table.rows[0]
    found = {
        role: column
        for role in ROLES
        if role != 'joint'
        and (column := find_role(header, role, file.path)) is not None
    }
    if 'seconds' in found:
        found.pop('milliseconds', None)
    texts = {r: found.pop(r) for r in ('person', 'sequence') if r in found}
    return _Roles(file, found, texts)


def _columns_of(joints: JointColumns) -> list[int]:
    return [column for part in joints.parts for column in part.values()]


def _warn_of_others(file: PoseFile, used: set[int]) -> None:
    others = [
        name
        for i, name in enumerate(file.table.rows[0])
        if i not in used and not _KNOWN.fullmatch(name)
    ]
    if others:
        warnings.warn(
            f'{file.path}: columns that are left out: {listed(others, 10)}',
            stacklevel=2,
        )


def _unique(values: list) -> tuple[list, np.ndarray]:
    """Return the values, each once, and the place of every one there."""
    index: dict = {}
    places = [index.setdefault(value, len(index)) for value in values]
    return [*index], np.array(places)


def _of_rows(fields: dict, chosen: np.ndarray) -> dict:
    """Return the fields of some rows."""
    return {
        role: value[chosen]
        if isinstance(value, np.ndarray)
        else value and [value[i] for i in chosen]
        for role, value in fields.items()
    }


def _check_once(
    row_of: np.ndarray, joint_of: np.ndarray, lines: np.ndarray, path: Path
) -> None:
    order = np.lexsort((joint_of, row_of))
    same = (np.diff(row_of[order]) == 0) & (np.diff(joint_of[order]) == 0)
    if same.any():
        start = np.flatnonzero(same)[0]
        first, second = lines[order[start : start + 2]]
        raise AnnotationError(
            f'{path}, line {second}: this joint of this frame is in line '
            f"{first} already; a column 'sequence' tells sequences apart, and "
            "'person' people"
        )


def _sequences(
    keypoint: np.ndarray,
    score: np.ndarray | None,
    lines: np.ndarray,
    fields: dict,
    file: PoseFile,
    skeleton: dict,
) -> list[PoseSequence]:
    if score is not None:
        # A score that is left empty is not known.
        score = np.where(np.isnan(score), 1, score).clip(0, 1)
    else:
        score = find_joints(keypoint[None])[0].astype(np.float64)
    seen = np.where(score[..., None] > 0, keypoint, np.nan)
    keypoint, skeleton, normalized = settle_units(seen, skeleton)
    rows = RecordedRows(
        path=file.path, keypoint=keypoint, score=score, lines=lines, **fields
    )
    return rows.sequences(skeleton, normalized=normalized)
