"""Read and write annotation files, MMAction2's skeleton format."""

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..support.files import atomic_path
from .errors import AnnotationError
from .npy_file import read_npz
from .packed_poses import record_id
from .plain_pickle import load_plain_pickle
from .problem import as_array
from .text_files import read_json

HOW_TO_MAKE = (
    '"masa extract" makes one of videos (--ann-file), "masa convert" of pose '
    'files and data sets'
)


def load_annotations(path: str | os.PathLike, lists: bool = False) -> dict:
    """Read an annotation file: ``.pkl``, ``.npz`` or ``.json``.

    Args:
        path (str | os.PathLike): The file; its suffix tells the format.
        lists (bool): Whether the file may be a list of records as well, or a
            single one, which become annotations without splits. Defaults to
            False.

    Returns:
        dict: Annotations in the format of docs/data.md. If the splits refer to
        records by MMAction2's ``filename``, it is copied to ``frame_dir``. The
        contents are not checked: see
        :func:`masa.datasets.schema.check_annotations`.

    Raises:
        AnnotationError: If the file cannot be read or does not contain a dict
            of annotations.
        FileNotFoundError: If there is no such file.
    """
    annotations = load_contents(path)
    records = annotations if isinstance(annotations, list) else [annotations]
    if lists and all(
        isinstance(one, dict) and is_single_record(one) for one in records[:1]
    ):
        return dict(annotations=records)
    if isinstance(annotations, list):
        held = 'a list'
    elif not isinstance(annotations, dict):
        held = f'a {type(annotations).__name__}'
    elif is_single_record(annotations):
        held = 'a single record'
    else:
        return _with_ids_of_splits(annotations)
    raise AnnotationError(
        f"{path} is expected to hold a dict with 'split' and 'annotations', "
        f'but holds {held}. Lists of records and single ones become an '
        'annotation file by "masa convert join data/joined.pkl --split '
        f'train {path}"'
    )


def _with_ids_of_splits(annotations: dict) -> dict:
    """Copy ``filename`` to ``frame_dir`` if the splits refer to it."""
    split, records = annotations.get('split'), annotations.get('annotations')
    if not isinstance(split, dict) or not isinstance(records, list):
        return annotations
    listed = {
        name
        for ids in split.values()
        if isinstance(ids, (list, tuple, np.ndarray))
        for name in ids
        if isinstance(name, str)
    }
    if not listed or listed & {record_id(record) for record in records}:
        return annotations
    return dict(
        annotations,
        annotations=[
            dict(record, frame_dir=record['filename'])
            if isinstance(record, dict) and 'filename' in record
            else record
            for record in records
        ],
    )


def is_single_record(contents: dict) -> bool:
    """Return whether a file contains a single record."""
    return 'annotations' not in contents and bool(
        {'keypoint', 'frame_dir', 'filename'} & contents.keys()
    )


def load_contents(path: str | os.PathLike) -> Any:
    """Read the contents of an annotation file of any layout.

    Like :func:`load_annotations`, but also reads MMAction2's lists of records
    and single records.
    """
    path = Path(path)
    if path.is_dir():
        raise AnnotationError(
            f'{path} is expected to be an annotation file, but is a folder'
        )
    readers = {
        '.pkl': load_plain_pickle,
        '.pickle': load_plain_pickle,
        '.npz': _load_npz,
        '.json': _load_json,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        hint = ''
        if path.suffix.lower() == '.npy':
            hint = ', while .npy holds one array, without names and splits'
        raise AnnotationError(
            f'{path} is expected to be an annotation file, which ends in one '
            f'of {sorted(readers)}{hint}'
        )
    if not path.exists():
        raise FileNotFoundError(
            f'there is no annotation file {path}: {HOW_TO_MAKE}'
        )
    return reader(path)


def save_annotations(annotations: dict, path: str | os.PathLike) -> None:
    """Write an annotation file: ``.pkl``, ``.npz`` or ``.json``.

    The file is written atomically and replaces an existing one. Equal
    annotations give equal bytes.

    Args:
        annotations (dict): Arrays and plain containers.
        path (str | os.PathLike): The file; its suffix tells the format.

    Raises:
        AnnotationError: If the suffix is unknown, or the format cannot
            represent a value.
    """
    path = Path(path)
    writers = {'.pkl': pickle.dumps, '.npz': _npz_bytes, '.json': _json_bytes}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise AnnotationError(
            f'{path} is expected to end in one of {sorted(writers)}'
        )
    try:
        content = writer(annotations)
    except (TypeError, ValueError) as error:
        raise AnnotationError(f'{path} cannot be written: {error}') from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


# The header of an .npz is JSON in which arrays are replaced by their names.
_HEADER = 'header'
_ARRAY = '__array__'


def _npz_bytes(annotations: dict) -> bytes:
    arrays = {}

    def take_out(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                raise ValueError('an array of objects needs a pickle')
            name = f'array_{len(arrays)}'
            arrays[name] = value
            return {_ARRAY: name}
        if isinstance(value, dict):
            return {key: take_out(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [take_out(item) for item in value]
        return _plain_scalar(value)

    header = json.dumps(take_out(annotations)).encode()
    arrays[_HEADER] = np.frombuffer(header, dtype=np.uint8)
    buffer = io.BytesIO()
    # Reproducible, as numpy.savez gives members a constant date.
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _load_npz(path: Path) -> Any:
    try:
        arrays = read_npz(path)
        if _HEADER not in arrays and any(
            key.endswith('/embedding') for key in arrays
        ):
            raise ValueError(
                'it holds embeddings, of "masa embed" or "masa test --dump": '
                'give what they were made of'
            )
        header = json.loads(arrays[_HEADER].tobytes())
    except FileNotFoundError:
        raise
    except (KeyError, ValueError, OSError, RecursionError) as error:
        raise AnnotationError(
            f'{path} cannot be read as annotations in .npz: {error}'
        ) from error

    def put_back(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {_ARRAY}:
                if str(value[_ARRAY]) not in arrays:
                    raise AnnotationError(
                        f'{path} lacks its array {value[_ARRAY]!r}'
                    )
                return arrays[str(value[_ARRAY])]
            return {key: put_back(item) for key, item in value.items()}
        if isinstance(value, list):
            return [put_back(item) for item in value]
        return value

    return put_back(header)


# Fields of a record that become arrays when read from JSON.
_ARRAY_FIELDS = {
    'keypoint': np.float32,
    'keypoint_score': np.float32,
    'canonical_time': np.float32,
    'timestamps': np.float64,
    'phase': None,
    'frame_inds': None,
    'box_score': np.float32,
    'smpl_body_pose': np.float32,
    'smpl_betas': np.float32,
}


def _json_bytes(annotations: dict) -> bytes:
    def to_lists(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        return _plain_scalar(value)

    return json.dumps(annotations, default=to_lists).encode()


def _load_json(path: Path) -> Any:
    try:
        contents = read_json(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AnnotationError(f'{path} cannot be read: {error}') from error
    records = contents
    if isinstance(contents, dict):
        records = contents.get('annotations', [contents])
    for record in records if isinstance(records, list) else []:
        if not isinstance(record, dict):
            continue
        for field, dtype in _ARRAY_FIELDS.items():
            if isinstance(record.get(field), list):
                record[field] = _numbers(record[field], dtype)
    return contents


def _numbers(value: list, dtype: type | None) -> np.ndarray | list:
    array = as_array(value)
    if array.dtype.kind not in 'iuf':
        # Left to the checks.
        return value
    with np.errstate(over='ignore'):
        return array if dtype is None else array.astype(dtype)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f'a {type(value).__name__} is not plain data')
