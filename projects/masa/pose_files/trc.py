"""Trajectories of markers as TRC, which OpenSim and Motion Analysis use.

https://opensimconfluence.atlassian.net/wiki/spaces/OpenSim/pages/53089972:
five lines of header, then a line a frame, separated by tabs; y is up. Blank
or NaN positions were not found.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.text_files import read_text
from .markers import (
    choose_markers,
    layout_of_markers,
    to_meters,
    without_subject,
)
from .pose_file import PoseFile
from .sequence import RecordedPeople


def is_trc(file: PoseFile) -> bool:
    """Tell whether a file is a TRC file."""
    return (
        file.head.removeprefix(b'\xef\xbb\xbf')
        .lstrip()
        .startswith(b'PathFileType')
    )


def read_trc(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[RecordedPeople]:
    """Read markers of a TRC file (:func:`~.markers.choose_markers`), y up.

    Args:
        files (Iterable[PoseFile]): The one file.
        layout (dict, optional): Whose joints are the markers in their order.

    Returns:
        list[RecordedPeople]: The one sequence, in meters; with time stamps
        where they are not those of the frame rate.

    Raises:
        AnnotationError: If the file is damaged. The line is named.
        OSError: If it cannot be opened.
    """
    (file,) = files
    path = file.path
    lines = read_text(path).splitlines()
    header = _header(lines, path)
    names = _names(lines, path)
    _check_count(header, 'NumMarkers', len(names), path)
    rows = [
        _row(line, 2 + 3 * len(names), f'{path}, line {number}')
        for number, line in enumerate(lines[5:], 6)
        if line.strip()
    ]
    _check_count(header, 'NumFrames', len(rows), path)
    values = np.array(rows)
    times = values[:, 1]
    if not (np.diff(times) > 0).all():
        first = int(np.flatnonzero(~(np.diff(times) > 0))[0])
        raise AnnotationError(
            f'{path}: times are expected to increase, but after '
            f'{times[first]:g} comes {times[first + 1]:g}'
        )
    points = values[:, 2:].reshape(len(rows), -1, 3)
    chosen = choose_markers(names, layout)
    points = points[:, [names.index(name) for name in chosen]]
    # Rates and times are written with few digits.
    rate = _number(header.get('datarate', ''))
    even = rate > 0 and np.allclose(
        np.diff(times) * rate, 1, atol=max(0.05, 0.002 * rate)
    )
    return [
        RecordedPeople(
            skeleton=layout_of_markers(chosen, layout, f'{path}, line 4', 'y'),
            keypoint=to_meters(points, header.get('units', ''))[None],
            frame_rate=rate if even else None,
            timestamps=None if even else times,
        )
    ]


def _header(lines: list[str], path: Path) -> dict[str, str]:
    """Return the values of lines 2 and 3, by their names in lower case."""
    if len(lines) < 6:
        raise AnnotationError(
            f'{path} is expected to have five lines of header and a line a '
            f'frame, but has {len(lines)} lines'
        )
    keys, values = lines[1].split(), lines[2].split()
    return dict(zip(map(str.lower, keys), values, strict=False))


def _names(lines: list[str], path: Path) -> list[str]:
    cells = [cell.strip() for cell in lines[3].split('\t')]
    if '\t' not in lines[3]:
        cells = lines[3].split()
    if [cell.lower() for cell in cells[:2]] != ['frame#', 'time']:
        raise AnnotationError(
            f'{path}, line 4: Frame#, Time and the names of markers are '
            f'expected, but there is {lines[3][:40]!r}'
        )
    names = without_subject(cell for cell in cells[2:] if cell)
    if not names:
        raise AnnotationError(f'{path}, line 4, names no marker')
    return names


def _check_count(
    header: dict[str, str], key: str, count: int, path: Path
) -> None:
    told = _number(header.get(key.lower(), ''))
    if told != count:
        raise AnnotationError(
            f'{path} is cut off or damaged: {key} is '
            f'{header.get(key.lower(), "missing")}, but {count} are there'
        )


def _number(text: str) -> float:
    """Read a number; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def _row(line: str, width: int, where: str) -> list[float]:
    """Read the frame's number, the time and the positions."""
    cells = line.split('\t') if '\t' in line else line.split()
    # Programs leave out blank cells at the end, or add one.
    cells = [cell.strip() for cell in cells]
    cells += [''] * (width - len(cells))
    try:
        values = [float(cell or 'nan') for cell in cells[:width]]
    except ValueError:
        values = []
    if not values or any(cells[width:]) or not np.isfinite(values[:2]).all():
        raise AnnotationError(
            f'{where}: the number of the frame, the time and {width - 2} '
            f'positions are expected, but there is {line.strip()[:60]!r}'
        )
    return values
