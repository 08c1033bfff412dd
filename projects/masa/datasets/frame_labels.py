"""Labels of frames that people write into a spreadsheet."""

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .errors import AnnotationError
from .record_checks import label_of
from .schema import record_name
from .text_files import TableRow, read_csv
from .times import frame_times

# Where there are no activities, their phases have one list of names.
ALL = 'all'
# By which columns a table says where its labels are.
_PLACES = (('start', 'end'), ('start_frame', 'end_frame'), ('frame',))
_LABELS = ('phase', 'label')
COLUMNS = (
    'sequence',
    *(name for names in _PLACES for name in names),
    *_LABELS,
)
# Seconds by which a label may last longer than the sequence: containers round
# durations, and sound ends after the picture.
END_SLACK = 0.5


class Segment(NamedTuple):
    """A labeled stretch of a sequence.

    Attributes:
        where (str): File and line, for messages.
        start (float): In seconds, or its first frame.
        end (float): In seconds, or one more than its last frame.
        label (str): Its name.
        in_seconds (bool): Whether start and end are seconds.
    """

    where: str
    start: float
    end: float
    label: str
    in_seconds: bool


class FrameLabels(NamedTuple):
    """What a file of frame labels holds.

    Attributes:
        segments (dict[str, list[Segment]]): By sequence id, in the order of
            the file; of the id '' if the file has no column ``sequence``.
        unused (list[str]): Columns that say nothing here.
    """

    segments: dict[str, list[Segment]]
    unused: list[str]


def read_frame_labels(path: str | os.PathLike) -> FrameLabels:
    """Read labels of segments or of single frames.

    The CSV file, see :func:`~masa.datasets.text_files.read_csv`, has the
    columns ``sequence``, the id, which may be missing in a file of one
    sequence; ``start`` and ``end`` in seconds, or ``start_frame`` and
    ``end_frame``, counted from 0, both part of the segment, or ``frame``; and
    ``phase`` or ``label``. Rows with an empty label are left out. Other
    columns may be there.

    An AnnotationError, which names file and line, says that columns are
    missing, there is more than one kind of them, a row has no id or no such
    numbers, or the file holds no label.
    """
    table = read_csv(path, COLUMNS, others=True)
    places = [p for p in _PLACES if set(p) <= set(table.columns)]
    labels = [name for name in _LABELS if name in table.columns]
    if len(places) != 1 or len(labels) != 1:
        raise AnnotationError(
            f'{path} is expected to have the columns phase (or label) and '
            'either start and end, or start_frame and end_frame, or frame, '
            f'but has {", ".join(table.columns) or "none"}'
        )
    (place,), (column,) = places, labels
    segments: dict[str, list[Segment]] = {}
    for row in table.rows:
        name = row.values.get('sequence', '')
        where = f'{path}, line {row.line}'
        if 'sequence' in table.columns and not name:
            raise AnnotationError(f'{where}: the id of a sequence is missing')
        if row.values[column]:
            segments.setdefault(name, []).append(
                _segment(row, place, row.values[column], where)
            )
    if not segments:
        raise AnnotationError(f'{path} holds no label')
    used = {'sequence', column, *place}
    return FrameLabels(segments, [c for c in table.columns if c not in used])


def _segment(
    row: TableRow, place: tuple[str, ...], label: str, where: str
) -> Segment:
    in_seconds = place == _PLACES[0]
    start, end = (
        _number(row.values[name], not in_seconds, f'{where}, {name}')
        for name in (place[0], place[-1])
    )
    if not in_seconds:
        end += 1
    if not start < end:
        raise AnnotationError(
            f'{where}: a segment is expected to end after its start, but '
            f'goes from {row.values[place[0]]} to {row.values[place[-1]]}'
        )
    return Segment(where, start, end, label, in_seconds)


def _number(text: str, whole: bool, where: str) -> float:
    value = 0.0
    try:
        # Where columns are separated by semicolons, decimals have a comma.
        for part in text.replace(',', '.').split(':'):
            value = 60 * value + float(part)
    except ValueError:
        value = -1
    if not (value >= 0 and math.isfinite(value)) or (whole and value % 1):
        kind = (
            'the number of a frame, from 0' if whole else 'seconds, or h:m:s'
        )
        raise AnnotationError(f'{where}: expected {kind}, found {text!r}')
    return int(value) if whole else value


def labels_of_frames(
    segments: Sequence[Segment],
    total_frames: int,
    timestamps: np.ndarray | None = None,
) -> list[str]:
    """Give every frame of a sequence the label of its segment.

    Of seconds, a frame gets the label that holds in the middle of the time
    that it is shown for, so that rounding of up to half a frame changes
    nothing.

    Args:
        segments (Sequence[Segment]): Of the sequence.
        total_frames (int): T.
        timestamps (np.ndarray, optional): Time of every frame in seconds,
            ``(T,)``. Needed for segments in seconds.

    Returns:
        list[str]: T names, '' where a frame has no label.

    Raises:
        AnnotationError: If a segment overlaps another, holds no frame or
            lies beyond the end, or the time of the frames is not known. File
            and line are named.
    """
    labels = [''] * total_frames
    owners: list[Segment | None] = [None] * total_frames
    for segment in segments:
        first, stop = _frames(segment, total_frames, timestamps)
        for frame in range(first, stop):
            other = owners[frame]
            if other is not None:
                raise AnnotationError(
                    f'{segment.where}: the segment overlaps that of '
                    f'{other.where} in frame {frame}; end_frame is the last '
                    'frame of a segment, not the one after it'
                )
            owners[frame] = segment
            labels[frame] = segment.label
    return labels


def _frames(
    segment: Segment, total: int, timestamps: np.ndarray | None
) -> tuple[int, int]:
    """Return the first frame of a segment, and one more than the last."""
    if not segment.in_seconds:
        if segment.end > total:
            raise AnnotationError(
                f'{segment.where}: frame {segment.end - 1} is expected in '
                f'[0, {total}), for the sequence has {total} frames'
            )
        return int(segment.start), int(segment.end)
    if timestamps is None:
        raise AnnotationError(
            f'{segment.where}: seconds need the times of the frames, and the '
            'sequence has neither timestamps nor a frame_rate: label frames '
            '(start_frame, end_frame), or use add_phases.py --frame-rate'
        )
    starts = np.asarray(timestamps, dtype=np.float64)
    # A single frame does not say how long it is shown for.
    last = starts[-1] - starts[-2] if total > 1 else 0.0
    ends = np.append(starts[1:], starts[-1] + last)
    if segment.end > ends[-1] + END_SLACK:
        raise AnnotationError(
            f'{segment.where}: the segment ends at {segment.end:g} s, but the '
            f'sequence at {ends[-1]:.3f} s ({total} frames)'
        )
    middles = (starts + ends) / 2
    first, stop = np.searchsorted(middles, [segment.start, segment.end])
    if first == stop:
        raise AnnotationError(
            f'{segment.where}: the segment holds no frame: it is shorter than '
            'a frame, or beyond the end'
        )
    return int(first), int(stop)


def labels_of_sequence(
    path: str | os.PathLike,
    name: str,
    total_frames: int,
    timestamps: np.ndarray | None = None,
) -> list[str]:
    """Read the labels of the frames of one sequence, by its id.

    See :func:`read_frame_labels` and :func:`labels_of_frames`. An
    AnnotationError says also that the file has other sequences only.
    """
    segments = read_frame_labels(path).segments
    found = segments.get(name) or segments.get('')
    if found is None:
        raise AnnotationError(
            f'{path} has no labels of {name!r}, but of '
            f'{", ".join(list(segments)[:10])}'
        )
    return labels_of_frames(found, total_frames, timestamps)


def add_phases(
    annotations: dict,
    path: str | os.PathLike,
    replace: bool = False,
    frame_rate: float | None = None,
) -> tuple[dict, list[str]]:
    """Add the phases that a CSV file gives to annotations.

    Phases that are whole numbers stay as they are, -1 for unknown. Names are
    numbered within an activity in the order in which they begin, on average
    over its sequences, and listed in ``phases``, after those that are listed
    already. Without any activity, the list is that of ``'all'``.

    Args:
        annotations (dict): Without problems; left as it is.
        path (str | os.PathLike): See :func:`read_frame_labels`.
        replace (bool): Whether the phases of records, and their names, may
            be replaced. Defaults to False.
        frame_rate (float, optional): Frames per second of the records that
            have neither ``timestamps`` nor ``frame_rate``.

    Returns:
        tuple[dict, list[str]]: The annotations, and remarks on what the file
        has and they have not.

    Raises:
        AnnotationError: See :func:`read_frame_labels`,
            :func:`check_labeled` and :func:`labels_of_frames`; or if a
            record with named phases has no activity where others have.
    """
    found = read_frame_labels(path)
    records = list(annotations['annotations'])
    names = [record_name(record, i) for i, record in enumerate(records)]
    check_labeled(found, records, path, replace)
    labels = {
        i: labels_of_frames(
            found.segments[name],
            int(records[i]['total_frames']),
            frame_times(dict(dict(frame_rate=frame_rate), **records[i])),
        )
        for i, name in enumerate(names)
        if name in found.segments
    }
    listed = {
        activity: list(phases)
        for activity, phases in (annotations.get('phases') or {}).items()
    }
    if all(_is_number(name) for label in labels.values() for name in label):
        numbers = {i: [int(n or -1) for n in ns] for i, ns in labels.items()}
    else:
        activities = _activity_names(annotations)
        for i in labels.keys() - activities.keys():
            raise AnnotationError(
                f'record {names[i]!r} has phases in {path}, but no activity '
                'of a name, by which the names of phases are listed: give it '
                'one, or numbers as phases'
            )
        kept = {
            activities.get(i)
            for i, record in enumerate(records)
            if 'phase' in record and i not in labels
        }
        for activity in {activities[i] for i in labels} - kept:
            # All that had these names have others now.
            listed.pop(activity, None)
        _list_names(listed, labels, activities)
        numbers = {
            i: [listed[activities[i]].index(n) if n else -1 for n in ns]
            for i, ns in labels.items()
        }
    for i, phase in numbers.items():
        records[i] = dict(records[i], phase=np.array(phase, dtype=np.int64))
    result = dict(annotations, annotations=records)
    if listed:
        result['phases'] = listed
    return result, _remarks(found, names, path)


def check_labeled(
    found: FrameLabels,
    records: Sequence[dict],
    path: str | os.PathLike,
    replace: bool = False,
) -> None:
    """Check that labels may be given to records.

    An AnnotationError says that none of the records has labels, or that one
    that has some has phases already, which are not to be replaced.
    """
    names = [record_name(record, i) for i, record in enumerate(records)]
    for name, record in zip(names, records, strict=True):
        if name in found.segments and 'phase' in record and not replace:
            raise AnnotationError(
                f'record {name!r} has phases already, which would be lost: '
                f'--replace puts those of {path} in their place'
            )
    if not found.segments.keys() & set(names):
        name, (first, *_) = next(iter(found.segments.items()))
        raise AnnotationError(
            f'{first.where}: {name!r} is expected to be the id of a sequence, '
            f'as {names[0]!r} is, but no line of the file has one'
        )


def _remarks(
    found: FrameLabels, names: list[str], path: str | os.PathLike
) -> list[str]:
    remarks = []
    unknown = [name for name in found.segments if name not in names]
    if unknown:
        first = found.segments[unknown[0]][0]
        remarks.append(
            f'{len(unknown)} sequences with phases have no record, such as '
            f'{unknown[0]!r} ({first.where})'
        )
    without = [name for name in names if name not in found.segments]
    if without:
        remarks.append(
            f'{len(without)} of {len(names)} records have no phases in '
            f'{path}, such as {without[0]!r}'
        )
    if found.unused:
        remarks.append(
            f'columns of {path} that are not used: {", ".join(found.unused)}'
        )
    return remarks


def _activity_names(annotations: dict) -> dict[int, str]:
    """Return the names of the activities of records by their place."""
    names = annotations.get('activities')
    labels = [label_of(record) for record in annotations['annotations']]
    if names is None and all(label < 0 for label in labels):
        return dict.fromkeys(range(len(labels)), ALL)
    return {
        i: names[label]
        for i, label in enumerate(labels)
        if names is not None and label >= 0
    }


def _is_number(label: str) -> bool:
    return label in ('', '-1') or (
        label.isascii() and label.isdigit() and len(label) < 10
    )


def _list_names(
    listed: dict[str, list[str]],
    labels: dict[int, list[str]],
    activities: dict[int, str],
) -> None:
    """List the names of phases by activity, in the order of their begin."""
    begins: dict[str, dict[str, list[float]]] = {}
    for i, label in labels.items():
        of_activity = begins.setdefault(activities[i], {})
        for name in dict.fromkeys(n for n in label if n):
            begin = label.index(name) / len(label)
            of_activity.setdefault(name, []).append(begin)
    for activity, of_activity in begins.items():
        known = listed.setdefault(activity, [])
        mean = {n: np.mean(b) for n, b in of_activity.items()}
        # By name among those that begin together.
        order = sorted((begin, name) for name, begin in mean.items())
        known += [name for _, name in order if name not in known]
