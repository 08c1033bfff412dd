"""Join lists of records, as written by MMAction2, into annotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .annotation import is_single_record, load_contents
from .errors import AnnotationError, refuse_problems
from .packed_poses import unpack_poses
from .problem import short
from .schema import check_annotations, record_name
from .skeletons import LAYOUTS


def join_annotations(
    parts: Sequence[tuple[str | None, Path]],
    skeleton: str | None = None,
    poses: str | None = None,
) -> dict:
    """Join files of records into annotations.

    Args:
        parts (Sequence[tuple[str | None, Path]]): Pairs of a split and a file
            with a list of records or a single one; or of None and an
            annotation file, whose splits are kept.
        skeleton (str, optional): Layout of the joints, a key of
            :data:`~masa.datasets.skeletons.LAYOUTS`. Defaults to that of an
            annotation file among the parts.
        poses (str, optional): Folder that ``raw_file`` is relative to, for
            records whose poses are in other files. By default these poses are
            not loaded.

    Returns:
        dict: Valid annotations in the format of docs/data.md, with poses
        stored by detection unpacked.

    Raises:
        AnnotationError: If a file cannot be read or has another layout, ids
            repeat, annotation files contradict each other, or there are
            problems. The message names files and ids.
        FileNotFoundError: If there is no such file.
    """
    joined: dict[str, Any] = {}
    records: list = []
    splits: dict[str, list[str]] = {}
    source: dict[str, Path] = {}
    for split, path in parts:
        contents = load_contents(path)
        new, own = _records(contents, path, split)
        names = [record_name(record, i) for i, record in enumerate(new)]
        twice = sorted({n for n in names if n in source or names.count(n) > 1})
        if twice:
            others = sorted({str(source.get(n, path)) for n in twice})
            raise AnnotationError(
                f'{path} is expected to hold ids that come once, but '
                f'{len(twice)} come again in {", ".join(others)}: '
                f'{short(twice)}'
            )
        source.update(dict.fromkeys(names, path))
        records += new
        for name, ids in (own or {split: names}).items():
            splits.setdefault(name, []).extend(ids)
        if split is None:
            _add_descriptions(joined, contents, path)
    if skeleton is not None:
        joined['skeleton'] = LAYOUTS[skeleton]
    joined.update(split=splits, annotations=records)
    files = ', '.join(dict.fromkeys(str(path) for _, path in parts))
    _refuse(check_annotations(joined), files)
    joined['annotations'], problems = unpack_poses(records, poses)
    _refuse(problems or check_annotations(joined), files)
    return joined


def _refuse(problems: list, files: str) -> None:
    heading = f'{files}: expected records without problems, but there are '
    refuse_problems(f'{heading}{len(problems)}', problems)


def _records(
    contents: Any, path: Path, split: str | None
) -> tuple[list, dict[str, list[str]]]:
    """Return the records and the splits of a file."""
    if isinstance(contents, dict) and not is_single_record(contents):
        own = contents.get('split')
        records = contents.get('annotations')
        if isinstance(records, list) and (split is None) == bool(own):
            _refuse(check_annotations(contents), str(path))
            return records, own or {}
        expected = (
            'an annotation file with splits of its own'
            if split is None
            else 'records that are in no split yet; --annotations keeps the '
            'splits of an annotation file'
        )
        raise AnnotationError(
            f"{path} is expected to hold {expected}, but its 'split' is "
            f"{short(own)} and its 'annotations' are {short(type(records))}"
        )
    if split is None:
        raise AnnotationError(
            f'{path} is expected to be an annotation file, but holds '
            'records without a split; --split NAME FILE names theirs'
        )
    if isinstance(contents, dict):
        return [contents], {}
    if isinstance(contents, list):
        return contents, {}
    raise AnnotationError(
        f'{path} is expected to hold a list of records or a single one, but '
        f'holds a {type(contents).__name__}'
    )


def _add_descriptions(joined: dict, contents: dict, path: Path) -> None:
    """Copy the top-level entries of an annotation file."""
    for key in ('activities', 'phases', 'skeleton'):
        value = contents.get(key)
        if value is None:
            continue
        if joined.setdefault(key, value) != value:
            raise AnnotationError(
                f'{path} is expected to have the {key!r} of the files before '
                f'it, {short(joined[key])}, but has {short(value)}'
            )
