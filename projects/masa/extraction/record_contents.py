from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..datasets.conversion import LabeledSequence, joint_fields
from ..datasets.errors import AnnotationError
from ..datasets.schema import record_name
from ..datasets.text_files import read_csv
from ..datasets.times import same_times
from .errors import ExtractionError

COLUMNS = ('sequence', 'activity', 'split')


class Label(NamedTuple):
    """Label of a sequence.

    Attributes:
        activity (str): Name of the activity; '' if not known.
        split (str): Name of the split.
    """

    activity: str
    split: str


def read_labels(path: Path) -> dict[str, Label]:
    """Read a label file; return labels by sequence id, in its order.

    A CSV file (:func:`~masa.datasets.text_files.read_csv`) with the columns
    ``sequence``, the id, and, optionally, ``activity`` and ``split``, by
    default ``train``. Raises ExtractionError, which names the line, if the
    file cannot be read, has other columns, a row of another length, or a
    sequence twice.
    """
    try:
        table = read_csv(path, COLUMNS, required=COLUMNS[:1])
    except AnnotationError as error:
        raise ExtractionError(str(error)) from error
    except OSError as error:
        raise ExtractionError(f'{path} cannot be read: {error}') from error
    labels: dict[str, Label] = {}
    for line, values in table.rows:
        name, activity, split = (values.get(c, '') for c in COLUMNS)
        if not name or name in labels:
            raise ExtractionError(
                f'{path}, line {line}: sequence {name!r} is expected to be '
                'an id that no other line has'
            )
        labels[name] = Label(activity, split or 'train')
    return labels


def labels_of(names: Iterable[str], path: Path) -> dict[str, Label]:
    """Read a label file that must have a line for every name.

    Raises ExtractionError, which lists the names without one; see
    :func:`read_labels`.
    """
    labels = read_labels(path)
    missing = sorted(set(names) - labels.keys())
    if missing:
        raise ExtractionError(
            f'{path} has no line for {len(missing)} of the sequences: '
            f'{", ".join(missing[:10])}'
        )
    return labels


def make_annotations(
    contents: dict[str, dict],
    labels: dict[str, Label] | None = None,
    common: dict | None = None,
) -> dict:
    """Make annotations of extracted sequences.

    ``contents`` are the fields of each record by sequence id, including
    ``total_frames``; ``common`` are top-level entries such as ``skeleton``.
    Without labels, all sequences are in the split ``train``. Sequences are in
    the order of the labels, activities in alphabetical order.
    """
    if labels is None:
        labels = {name: Label('', 'train') for name in contents}
    labels = {n: label for n, label in labels.items() if n in contents}
    activities = sorted({label.activity for label in labels.values()} - {''})
    annotations: dict = dict(split={}, annotations=[])
    for name, (activity, split) in labels.items():
        record = dict(frame_dir=name, **contents[name])
        if activity:
            record['label'] = activities.index(activity)
        annotations['annotations'].append(record)
        annotations['split'].setdefault(split, []).append(name)
    if activities:
        annotations['activities'] = activities
    return dict(annotations, **(common or {}))


def pose_contents(
    poses: dict[str, tuple[np.ndarray, np.ndarray]],
    skeleton: dict,
    train: Collection[str] | None = None,
    mirror: bool = True,
) -> dict[str, dict]:
    """Make the joint fields of each record by id, with gaps filled.

    ``poses`` are positions (T, V, C), NaN where a joint is not found, and
    scores (T, V), by id. The mean pose, which fills gaps, is computed from the
    ids ``train``, by default from all; see
    :func:`~masa.datasets.conversion.joint_fields`, also for ``mirror``. Raises
    ExtractionError if there is no mean pose.
    """
    sequences = [
        LabeledSequence(
            name,
            keypoint,
            np.isfinite(keypoint).all(-1),
            split='train' if train is None or name in train else 'test',
        )
        for name, (keypoint, _) in poses.items()
    ]
    try:
        fields = joint_fields(sequences, skeleton, mirror)
    except AnnotationError as error:
        raise ExtractionError(
            f'joints that were not found cannot be filled in: {error}'
        ) from error
    scores = [score for _, score in poses.values()]
    return {
        sequence.name: dict(
            field,
            keypoint_score=np.where(sequence.visible, score, 0)[None].astype(
                np.float32
            ),
        )
        for sequence, field, score in zip(
            sequences, fields, scores, strict=True
        )
    }


def expected_lengths(annotations: dict) -> dict[str, int]:
    """Return the number of frames of each record by id."""
    return {
        record_name(record, i): int(record['total_frames'])
        for i, record in enumerate(annotations['annotations'])
    }


def make_room(
    annotations: dict, fields: tuple[str, ...], replace: bool
) -> dict:
    """Remove the fields to be extracted from annotations.

    ``fields`` are keys of annotations and records. Raises ExtractionError if a
    record has one of them and ``replace`` is False.
    """
    records = annotations['annotations']
    for i, record in enumerate(records):
        known = [key for key in fields if key in record]
        if known and not replace:
            raise ExtractionError(
                f'record {record_name(record, i)!r} has {", ".join(known)} '
                'already, which would be lost: merge with a file that has '
                'none, or --replace'
            )
    kept = [
        {key: value for key, value in record.items() if key not in fields}
        for record in records
    ]
    # add_contents compares a remaining skeleton with the new one.
    common = {
        key: value
        for key, value in annotations.items()
        if not (replace and key in fields)
    }
    return dict(common, annotations=kept)


def add_contents(
    annotations: dict,
    contents: dict[str, dict],
    common: dict | None = None,
) -> dict:
    """Add extracted fields to annotations.

    ``contents`` are fields by id, including ``total_frames``; ``common`` are
    top-level entries such as ``skeleton``. Records without contents and splits
    without records are left out. Raises ExtractionError if the number of
    frames or the time stamps of a record differ, or a field exists already.
    """
    records = []
    for i, record in enumerate(annotations['annotations']):
        name = record_name(record, i)
        if name not in contents:
            continue
        new = contents[name]
        if record['total_frames'] != new['total_frames']:
            raise ExtractionError(
                f'record {name!r} has {record["total_frames"]} frames, and '
                f'{new["total_frames"]} were extracted'
            )
        if not same_times(record, new):
            raise ExtractionError(
                f'record {name!r} has other time stamps than the video that '
                'was extracted: is it the same recording?'
            )
        known = [
            key
            for key in new
            if key in record and key not in ('total_frames', 'timestamps')
        ]
        if known:
            raise ExtractionError(
                f'record {name!r} has {", ".join(known)} already, which '
                'would be lost: merge with a file that has none'
            )
        records.append(dict(record, **new))
    merged = dict(annotations, annotations=records)
    for key, value in (common or {}).items():
        if merged.setdefault(key, value) != value:
            raise ExtractionError(
                f'the annotation file has another {key} already, which would '
                'be lost: merge with a file that has none'
            )
    if annotations.get('split'):
        splits = {
            split: [name for name in names if name in contents]
            for split, names in annotations['split'].items()
        }
        merged['split'] = {s: names for s, names in splits.items() if names}
    return merged
