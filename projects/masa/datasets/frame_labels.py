"""Read frame labels from CSV files."""

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

# Key of the phase names in annotations without activities.
ALL = 'all'
# Columns that give the position of a label.
_PLACES = (('start', 'end'), ('start_frame', 'end_frame'), ('frame',))
_LABELS = ('phase', 'label')
COLUMNS = (
    'sequence',
    *(name for names in _PLACES for name in names),
    *_LABELS,
)
# Seconds by which a label may exceed the sequence: containers round durations,
# and audio may end after the video.
END_SLACK = 0.5


class Segment(NamedTuple):
    """A labeled segment of a sequence.

    Attributes:
        where (str): File and line, for messages.
        start (float): Start in seconds, or the first frame.
        end (float): End in seconds, or the last frame plus one.
        label (str): Name of the label.
        in_seconds (bool): Whether start and end are seconds.
    """

    where: str
    start: float
    end: float
    label: str
    in_seconds: bool


class FrameLabels(NamedTuple):
    """Contents of a file of frame labels.

    Attributes:
        segments (dict[str, list[Segment]]): Segments by sequence id, in the
            order of the file; under the id '' if there is no column
            ``sequence``.
        unused (list[str]): Columns that are ignored.
    """

    segments: dict[str, list[Segment]]
    unused: list[str]


def read_frame_labels(path: str | os.PathLike) -> FrameLabels:
    """Read labels of segments or single frames.

    The CSV file (:func:`~masa.datasets.text_files.read_csv`) has the columns
    ``sequence``, the id, which may be missing in a file of one sequence;
    ``start`` and ``end`` in seconds, or ``start_frame`` and ``end_frame``,
    counted from 0 and both inclusive, or ``frame``; and ``phase`` or
    ``label``. Rows with an empty label and other columns are ignored.

    Raises AnnotationError, which names file and line, if columns are missing
    or ambiguous, a row has no id or invalid numbers, or there is no label.
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
        # In files separated by semicolons, the decimal separator is a comma.
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
    """Assign to every frame of a sequence the label of its segment.

    With times in seconds, a frame gets the label at the middle of its display
    time, so that rounding by up to half a frame has no effect.

    Args:
        segments (Sequence[Segment]): Segments of the sequence.
        total_frames (int): Number of frames T.
        timestamps (np.ndarray, optional): Time stamps in seconds, ``(T,)``.
            Required for segments in seconds.

    Returns:
        list[str]: T labels; '' for a frame without a label.

    Raises:
        AnnotationError: If segments overlap, or one contains no frame or lies
            beyond the end, or the time stamps are not known. The message names
            file and line.
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
    """Return the first frame of a segment and the last plus one."""
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
            '(start_frame, end_frame), or give --frame-rate'
        )
    starts = np.asarray(timestamps, dtype=np.float64)
    # The display time of a single frame is unknown.
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
    """Read the frame labels of one sequence by its id.

    See :func:`read_frame_labels` and :func:`labels_of_frames`. Also raises
    AnnotationError if the file has no labels of the sequence.
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
    """Add phases from a CSV file to annotations.

    Integers are kept, with -1 for unknown. Names are numbered within an
    activity by their mean relative start over its sequences and appended to
    its list in ``phases``. Without activities, the key of the list is
    ``'all'``.

    Args:
        annotations (dict): Valid annotations; not changed.
        path (str | os.PathLike): See :func:`read_frame_labels`.
        replace (bool): Whether existing phases and their names may be
            replaced. Defaults to False.
        frame_rate (float, optional): Frames per second of records with neither
            ``timestamps`` nor ``frame_rate``.

    Returns:
        tuple[dict, list[str]]: The annotations, and remarks on records without
        phases and unused contents of the file.

    Raises:
        AnnotationError: See :func:`read_frame_labels`, :func:`check_labeled`
            and :func:`labels_of_frames`; or if a record with named phases has
            no activity although others have.
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
            # All records with these names get new ones.
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
    """Check that labels can be added to records.

    Raises AnnotationError if no record has labels, or a labeled record has
    phases and ``replace`` is False.
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
    """Return the names of the activities of records by index."""
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
    """Append the names of phases by activity, in order of their start."""
    begins: dict[str, dict[str, list[float]]] = {}
    for i, label in labels.items():
        of_activity = begins.setdefault(activities[i], {})
        for name in dict.fromkeys(n for n in label if n):
            begin = label.index(name) / len(label)
            of_activity.setdefault(name, []).append(begin)
    for activity, of_activity in begins.items():
        known = listed.setdefault(activity, [])
        mean = {n: np.mean(b) for n, b in of_activity.items()}
        # Ties are sorted by name.
        order = sorted((begin, name) for name, begin in mean.items())
        known += [name for _, name in order if name not in known]
