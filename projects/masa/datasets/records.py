"""From an annotation file to the checked records of its sequences."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from .annotation import load_annotations
from .errors import AnnotationError, refuse_problems
from .frame_labels import ALL
from .packed_poses import is_packed, unpack_poses
from .problem import Problem
from .record_checks import label_of
from .schema import check_annotations, record_name

# More would hide the first ones; the command that is named prints all.
PROBLEMS_SHOWN = 10
CHECK_NOTE = '"masa check" lists them all'
# Detections of a lower score are no people, as in MMAction2's PoseDataset.
BOX_THRESHOLD = 0.5
# Arrays of a record, and their types.
ARRAYS = dict(
    keypoint=np.float32,
    keypoint_score=np.float32,
    canonical_time=np.float32,
    timestamps=np.float64,
    phase=np.int64,
    smpl_body_pose=np.float32,
    smpl_betas=np.float32,
)


def read_records(
    path: str | Path,
    features: str | Path = '',
    split: str | Iterable[str] | None = None,
) -> list[dict]:
    """Read and check the sequences of an annotation file.

    Args:
        path (str | Path): The file; without ``split``, MMAction2's lists of
            records and single ones too.
        features (str | Path): Folder that every ``feature_path`` is relative
            to. Defaults to the working directory.
        split (str | Iterable[str], optional): Names of the splits. Defaults
            to None, all sequences.

    Returns:
        list[dict]: A complete record for each sequence, with the
        ``skeleton`` of the file and ``phase_names``, the names of its phases
        (None if the file has none).

    Raises:
        AnnotationError: If the file has problems, or lacks a split.
        FileNotFoundError: If there is none.
    """
    annotations = load_annotations(path, lists=split is None)
    refuse(path, check_annotations(annotations))
    records = select_records(annotations, split, path)
    records = unpack_records(annotations, records, '', BOX_THRESHOLD, path)
    names, skeleton = (
        annotations.get('activities'),
        annotations.get('skeleton'),
    )
    phases = annotations.get('phases') or {}
    records = [complete_record(record, names, features) for record in records]
    return [
        dict(
            record,
            skeleton=skeleton,
            phase_names=phases.get(record['activity'] or ALL),
        )
        for record in records
    ]


def refuse(
    source: str | Path, problems: Sequence[Problem], note: str = CHECK_NOTE
) -> None:
    """Raise an AnnotationError with the first problems, if there are any.

    Args:
        source (str | Path): Where the sequences come from.
        problems (Sequence[Problem]): What was found.
        note (str): What to say after them. Defaults to how to list them all.
    """
    heading = f'{source} has {len(problems)} problems'
    refuse_problems(heading, problems, PROBLEMS_SHOWN, note)


def select_records(
    annotations: dict, split: str | Iterable[str] | None, source: str | Path
) -> list[dict]:
    """Select the records of a split, of several in turn, or all.

    Args:
        annotations (dict): Annotations without problems.
        split (str | Iterable[str], optional): Names of the splits. None
            takes all records.
        source (str | Path): Where they come from, for messages.

    Returns:
        list[dict]: Copies, each with its ``frame_dir`` and ``split``.

    Raises:
        AnnotationError: If there is no such split, or a sequence is in two.
    """
    records = {
        record_name(record, number): dict(record, split='')
        for number, record in enumerate(annotations['annotations'])
    }
    for name, record in records.items():
        record['frame_dir'] = name
    if split is None:
        return list(records.values())
    splits = annotations.get('split') or {}
    wanted = [split] if isinstance(split, str) else split
    missing = [name for name in wanted if name not in splits]
    if missing:
        raise AnnotationError(
            f'{source} has no split {missing}; it has {list(splits)}'
        )
    selected: dict[str, dict] = {}
    for split in wanted:
        for name in splits[split]:
            if name in selected:
                raise AnnotationError(
                    f'{source} has {name!r} in the splits '
                    f'{selected[name]["split"]!r} and {split!r}, which '
                    'are read together'
                )
            selected[name] = dict(records[name], split=split)
    return list(selected.values())


def unpack_records(
    annotations: dict,
    records: list[dict],
    folder: str | Path,
    box_threshold: float,
    source: str | Path,
) -> list[dict]:
    """Give packed records their poses by person and frame.

    Args:
        annotations (dict): Annotations that the records are of.
        records (list[dict]): Packed records and others.
        folder (str | Path): Folder that every ``raw_file`` is relative to.
        box_threshold (float): Detections of a lower score are left out.
        source (str | Path): Where they come from, for messages.

    Returns:
        list[dict]: The records, unpacked.

    Raises:
        AnnotationError: If there are problems.
    """
    if not any(map(is_packed, records)):
        return records
    records, problems = unpack_poses(records, str(folder), box_threshold)
    refuse(source, problems)
    unpacked = dict(annotations, annotations=records, split=None)
    refuse(source, check_annotations(unpacked))
    return records


def complete_record(
    record: dict, activities: Sequence[str] | None, features: str | Path
) -> dict:
    """Give a record the types, and the paths, that transforms expect.

    Args:
        record (dict): A record without problems, which is changed.
        activities (Sequence[str], optional): Names of the labels.
        features (str | Path): Folder that ``feature_path`` is relative to.

    Returns:
        dict: The same.
    """
    record['total_frames'] = int(record['total_frames'])
    record['label'] = label_of(record)
    record['activity'] = (
        activities[record['label']]
        if activities and record['label'] >= 0
        else ''
    )
    for key, dtype in ARRAYS.items():
        if record.get(key) is not None:
            record[key] = np.asarray(record[key], dtype=dtype)
    if 'feature_path' in record:
        record['feature_path'] = str(Path(features, record['feature_path']))
    return record
