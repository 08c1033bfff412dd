"""Poses of DeepLabCut: CSV files with several headers, and HDF5.

Columns have a scorer, perhaps an individual, a body part and a coordinate:
https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.plain_pickle import read_plain_pickle
from .csv_table import read_cells
from .joint_columns import layout_and_order
from .pose_file import PoseFile
from .recorded_rows import RecordedRows
from .sequence import PoseSequence

_PARTS = {'x': 0, 'y': 1, 'z': 2, 'likelihood': 3}
# The individual of parts that are there once, such as a corner of a cage.
_UNIQUE = 'single'


def is_csv(file: PoseFile) -> bool:
    """Tell whether a CSV file is DeepLabCut's."""
    first = [row[0].lower() for row in file.table.rows if row]
    return first[:3] in (
        ['scorer', 'bodyparts', 'coords'],
        ['scorer', 'individuals', 'bodyparts'],
    )


def read_csv(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read a CSV file; its first column is the number of the frame."""
    (file,) = files
    rows = file.table.rows
    of_several = rows[1][0].lower() == 'individuals'
    headers = rows[1:4] if of_several else [[''] * len(rows[0]), *rows[1:3]]
    width = len(headers[-1])
    if any(len(row) != width for row in headers):
        raise AnnotationError(
            f'{file.path}, lines 1 to {len(headers)}: as many body parts as '
            'coordinates are expected'
        )
    columns = list(zip(*headers, strict=True))[1:]
    cells = read_cells(
        file.path,
        file.table.delimiter,
        range(width),
        header_rows=3 + of_several,
    )
    return _arrange(
        columns,
        cells.numbers[:, 1:],
        cells.numbers[:, 0],
        cells.lines,
        file.path,
        layout,
    )


def is_table(group) -> bool:
    """Tell whether a group of an HDF5 file is a table of pandas."""
    return 'table' in group and 'values_block_0' in (
        group['table'].dtype.names or ()
    )


def read_table(group, path: Path, layout: dict | None) -> list[PoseSequence]:
    """Read a table that pandas wrote, of an HDF5 file that is open."""
    table = group['table']
    names = read_plain_pickle(
        bytes(table.attrs['values_block_0_kind']), f'{path}, {table.name}'
    )
    if not all(isinstance(one, tuple) and len(one) in (3, 4) for one in names):
        raise AnnotationError(
            f'{path} is expected to have columns of a scorer, a body part and '
            'a coordinate'
        )
    rows = table[()]
    columns = [
        (str(one[1]) if len(one) == 4 else '', *map(str, one[-2:]))
        for one in names
    ]
    frames = rows['index'].astype(np.float64)
    lines = np.arange(len(rows))
    return _arrange(
        columns, rows['values_block_0'], frames, lines, path, layout
    )


def _arrange(
    columns: Sequence[tuple[str, str, str]],
    values: np.ndarray,
    frames: np.ndarray,
    lines: np.ndarray,
    path: Path,
    layout: dict | None,
) -> list[PoseSequence]:
    """Make sequences of columns of an individual, a part and a coordinate."""
    individuals = [*dict.fromkeys(one for one, _, _ in columns)]
    if len(individuals) > 1 and _UNIQUE in individuals:
        parts = sorted({part for one, part, _ in columns if one == _UNIQUE})
        warnings.warn(
            f'{path}: body parts that belong to no individual are left out: '
            f'{", ".join(parts)}',
            stacklevel=2,
        )
        individuals.remove(_UNIQUE)
    names = [*dict.fromkeys(n for one, n, _ in columns if one in individuals)]
    shape = (len(individuals), len(values), len(names), len(_PARTS))
    joints = np.full(shape, np.nan)
    found = set()
    for column, (one, name, part) in enumerate(columns):
        if one not in individuals:
            continue
        if part not in _PARTS or (one, name, part) in found:
            raise AnnotationError(
                f'{path} is expected to have x, y, perhaps z, and likelihood '
                f'of every body part once, but has {part!r} of {name!r}'
            )
        found.add((one, name, part))
        place = individuals.index(one), names.index(name)
        joints[place[0], :, place[1], _PARTS[part]] = values[:, column]
    kinds = {part for _, _, part in found}
    for name in names:
        parts = {part for _, other, part in found if other == name}
        if not {'x', 'y'} <= parts or ('z' in kinds) != ('z' in parts):
            raise AnnotationError(
                f'{path} is expected to have x and y of every body part, and '
                f'z of all or none, but has only {", ".join(sorted(parts))} '
                f'of {name!r}'
            )
    skeleton, order = layout_and_order(names, layout, str(path))
    joints = joints[:, :, order].reshape(-1, len(order), len(_PARTS))
    score = joints[..., 3] if 'likelihood' in kinds else np.nan
    seen = np.isfinite(joints[..., :2]).all(-1)
    score = np.where(np.isfinite(score), score, seen).clip(0, 1)
    return RecordedRows(
        path=path,
        keypoint=joints[..., : 3 if 'z' in kinds else 2],
        lines=np.tile(lines, len(individuals)),
        score=score,
        frame=np.tile(frames, len(individuals)),
        person=np.repeat(individuals, len(values)).tolist(),
    ).sequences(skeleton)
