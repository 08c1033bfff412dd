import csv
from pathlib import Path
from typing import NamedTuple

from ..datasets.schema import record_name
from .errors import ExtractionError

COLUMNS = ('sequence', 'activity', 'split')


class Label(NamedTuple):
    """What a file of labels says of a sequence.

    Attributes:
        activity (str): Its name; '' if not known.
        split (str): The split's name.
    """

    activity: str
    split: str


def read_labels(path: Path) -> dict[str, Label]:
    """Read a file of labels.

    Args:
        path (Path): CSV in UTF-8. The first line names the columns:
            ``sequence``, the id, and ``activity`` and ``split``, either of
            which may be missing or empty.

    Returns:
        dict[str, Label]: By id, in the order of the file. The split is
        ``train`` where none is given.

    Raises:
        ExtractionError: If the file cannot be read, has other columns, a row
            of another length, or a sequence twice. The line is named.
    """
    labels: dict[str, Label] = {}
    try:
        # Spreadsheets put a byte order mark first.
        with open(path, encoding='utf-8-sig', newline='') as file:
            rows = csv.DictReader(file, restkey='')
            columns = rows.fieldnames or []
            if 'sequence' not in columns or not set(columns) <= set(COLUMNS):
                raise ExtractionError(
                    f'{path} is expected to have the columns sequence, '
                    f'activity, split, but has {", ".join(columns) or "none"}'
                )
            for row in rows:
                name, activity, split = (row.get(c, '') for c in COLUMNS)
                where = f'{path}, line {rows.line_num}'
                if '' in row or None in row.values():
                    raise ExtractionError(
                        f'{where}: expected {len(columns)} values'
                    )
                if not name or name in labels:
                    raise ExtractionError(
                        f'{where}: sequence {name!r} is expected to be an id '
                        'that no other line has'
                    )
                labels[name] = Label(activity, split or 'train')
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExtractionError(f'{path} cannot be read: {error}') from error
    return labels


def make_annotations(
    lengths: dict[str, int], labels: dict[str, Label] | None = None
) -> dict:
    """Make annotations of feature files.

    Args:
        lengths (dict[str, int]): Number of frames by sequence id.
        labels (dict[str, Label], optional): By id; one for every sequence.
            Those of other sequences are left out. Defaults to none: all
            sequences are in the split ``train``.

    Returns:
        dict: Of the layout that docs/data.md describes. Sequences are in the
        order of the labels, and activities in that of the alphabet.
    """
    if labels is None:
        labels = {name: Label('', 'train') for name in lengths}
    labels = {n: label for n, label in labels.items() if n in lengths}
    activities = sorted({one.activity for one in labels.values()} - {''})
    annotations: dict = dict(split={}, annotations=[])
    for name, (activity, split) in labels.items():
        record = dict(
            frame_dir=name,
            total_frames=lengths[name],
            feature_path=f'{name}.npy',
        )
        if activity:
            record['label'] = activities.index(activity)
        annotations['annotations'].append(record)
        annotations['split'].setdefault(split, []).append(name)
    if activities:
        annotations['activities'] = activities
    return annotations


def expected_lengths(annotations: dict) -> dict[str, int]:
    """Return the number of frames of every record.

    Args:
        annotations (dict): Without problems.

    Returns:
        dict[str, int]: By id.
    """
    return {
        record_name(record, i): int(record['total_frames'])
        for i, record in enumerate(annotations['annotations'])
    }


def add_features(annotations: dict, lengths: dict[str, int]) -> dict:
    """Add the paths of feature files to annotations.

    Args:
        annotations (dict): Without problems; left as it is.
        lengths (dict[str, int]): Number of frames by id. A record that is
            not among them is left out, and so is a split without records.

    Returns:
        dict: The annotations.

    Raises:
        ExtractionError: If a record has another number of frames.
    """
    records = []
    for i, record in enumerate(annotations['annotations']):
        name = record_name(record, i)
        if name not in lengths:
            continue
        if record['total_frames'] != lengths[name]:
            raise ExtractionError(
                f'record {name!r} has {record["total_frames"]} frames, and '
                f'there are features of {lengths[name]}'
            )
        records.append(dict(record, feature_path=f'{name}.npy'))
    merged = dict(annotations, annotations=records)
    if annotations.get('split'):
        splits = {
            split: [name for name in names if name in lengths]
            for split, names in annotations['split'].items()
        }
        merged['split'] = {s: names for s, names in splits.items() if names}
    return merged
