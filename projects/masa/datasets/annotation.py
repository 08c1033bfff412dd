"""Annotation files: MMAction2's skeleton format, read without running code."""

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_path
from .errors import AnnotationError
from .npy_file import read_npz
from .plain_pickle import load_plain_pickle
from .problem import as_array


def load_annotations(path: str | os.PathLike) -> dict:
    """Read an annotation file: ``.pkl``, ``.npz`` or ``.json``.

    Args:
        path (str | os.PathLike): The file; its suffix tells the format.

    Returns:
        dict: Of the layout that docs/data.md describes. Its contents are not
        checked here: see :func:`masa.datasets.schema.check_annotations`.

    Raises:
        AnnotationError: If the file cannot be read, or holds no dict.
        FileNotFoundError: If there is no such file.
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
    reader = readers.get(path.suffix)
    if reader is None:
        raise AnnotationError(
            f'{path} is expected to end in one of {sorted(readers)}'
        )
    annotations = reader(path)
    if not isinstance(annotations, dict):
        raise AnnotationError(
            f"{path} is expected to hold a dict with 'split' and "
            f"'annotations', but holds a {type(annotations).__name__}"
        )
    return annotations


def save_annotations(annotations: dict, path: str | os.PathLike) -> None:
    """Write an annotation file: ``.pkl``, ``.npz`` or ``.json``.

    The file appears whole or not at all. One that is there is replaced. The
    same annotations give the same bytes.

    Args:
        annotations (dict): Arrays and plain containers.
        path (str | os.PathLike): The file; its suffix tells the format.

    Raises:
        AnnotationError: If the suffix is none of the three, or the format
            cannot hold a value.
    """
    path = Path(path)
    writers = {'.pkl': pickle.dumps, '.npz': _npz_bytes, '.json': _json_bytes}
    writer = writers.get(path.suffix)
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


# In an .npz the header holds everything but the arrays, which it names.
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
    # numpy.savez stamps its members with a constant date.
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _load_npz(path: Path) -> Any:
    try:
        arrays = read_npz(path)
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


# Fields of a record that are arrays, for JSON, which has only lists.
_ARRAY_FIELDS = {
    'keypoint': np.float32,
    'keypoint_score': np.float32,
    'canonical_time': np.float32,
    'timestamps': np.float64,
    'phase': None,
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
        annotations = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (ValueError, OSError, RecursionError) as error:
        # A number of too many digits is a plain ValueError.
        raise AnnotationError(
            f'{path} cannot be read as JSON: {error}'
        ) from error
    records = (
        annotations.get('annotations')
        if isinstance(annotations, dict)
        else None
    )
    for record in records if isinstance(records, list) else []:
        if not isinstance(record, dict):
            continue
        for field, dtype in _ARRAY_FIELDS.items():
            if isinstance(record.get(field), list):
                record[field] = _numbers(record[field], dtype)
    return annotations


def _numbers(value: list, dtype: type | None) -> np.ndarray | list:
    array = as_array(value)
    if array.dtype.kind not in 'iuf':
        # As it is, for the checks to find.
        return value
    with np.errstate(over='ignore'):
        return array if dtype is None else array.astype(dtype)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f'a {type(value).__name__} is not plain data')
