"""Poses in HDF5: those of SLEAP and of DeepLabCut."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..datasets.errors import AnnotationError
from ..support.extras import explain_missing
from . import deeplabcut
from .named_joints import layout_of_names
from .pose_file import PoseFile
from .sequence import PoseSequence, RecordedPeople, choose_layout

_MAGIC = b'\x89HDF\r\n\x1a\n'
# The order of SLEAP's arrays where the file does not say it.
_DIMENSIONS = ['track', 'xy', 'node', 'frame']


def is_hdf5(file: PoseFile) -> bool:
    """Tell whether a file is HDF5."""
    return file.head.startswith(_MAGIC)


def read_hdf5(
    files: Iterable[PoseFile], layout: dict | None = None
) -> list[PoseSequence]:
    """Read an analysis file of SLEAP, or a file of DeepLabCut.

    An AnnotationError says that the file is damaged or anything else, an
    ImportError that h5py is missing.
    """
    (file,) = files
    with _opened(file.path) as content:
        if {'tracks', 'node_names'} <= content.keys() and hasattr(
            content['tracks'], 'shape'
        ):
            return [_read_sleap(content, file.path, layout)]
        for group in content.values():
            if hasattr(group, 'keys') and deeplabcut.is_table(group):
                return deeplabcut.read_table(group, file.path, layout)
    raise AnnotationError(
        f"{file.path} is HDF5, but neither SLEAP's analysis file nor a table "
        'of DeepLabCut, both of which can be exported as CSV'
    )


@contextmanager
def _opened(path: Path) -> Iterator:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise explain_missing(str(path), 'formats', error) from error
    try:
        with h5py.File(path) as content:
            yield content
    # What a damaged file raises.
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise AnnotationError(
            f'{path} cannot be read as HDF5: {error}'
        ) from error


def _read_sleap(content, path: Path, layout: dict | None) -> PoseSequence:
    """Read the arrays of SLEAP's analysis file.

    They are described at https://docs.sleap.ai/latest/learnings/export-analysis.
    """
    names = [name.decode() for name in content['node_names'][()]]
    tracks = _ordered(content['tracks'], ['track', 'frame', 'node', 'xy'])
    if tracks.ndim != 4 or tracks.shape[2:] != (len(names), 2):
        raise AnnotationError(
            f'{path} is expected to have tracks of {len(names)} nodes in 2D, '
            f'but its array has the shape {content["tracks"].shape}'
        )
    score = None
    if 'point_scores' in content:
        score = _ordered(content['point_scores'], ['track', 'frame', 'node'])
        if score.shape != tracks.shape[:3]:
            raise AnnotationError(
                f'{path}: point_scores of the shape {tracks.shape[:3]} are '
                f'expected, but they have {score.shape}'
            )
        score = np.nan_to_num(score).clip(0, 1)
    if layout is None:
        layout = layout_of_names(names, str(path))
        edges = content.get('edge_inds')
        if not layout['bones'] and edges is not None:
            layout = layout | {'bones': edges[()].tolist()}
    found = np.isfinite(tracks).all(-1).any(-1).sum(1)
    order = np.argsort(-found, kind='stable')
    return RecordedPeople(
        skeleton=choose_layout(len(names), {}, layout, str(path)),
        keypoint=tracks[order],
        score=score if score is None else score[order],
    )


def _ordered(dataset, wanted: list[str]) -> np.ndarray:
    """Return an array with its dimensions in the order that is wanted."""
    known = [name for name in _DIMENSIONS if name in wanted]
    dims = json.loads(dataset.attrs.get('dims', json.dumps(known)))
    if sorted(dims) != sorted(wanted) or dataset.ndim != len(dims):
        return dataset[()]
    return dataset[()].transpose([dims.index(name) for name in wanted])
