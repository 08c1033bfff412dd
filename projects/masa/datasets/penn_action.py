"""Convert Penn Action's labels to annotations."""

import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from .conversion import LabeledSequence, build_annotations, reading
from .errors import AnnotationError
from .key_events import Phases, check_activity
from .plain_pickle import load_plain_pickle
from .skeletons import PENN_ACTION

# The activities with key events (Dwibedi et al. 2019, Table 2).
THIRTEEN_ACTIVITIES = (
    *('baseball_pitch', 'baseball_swing', 'bench_press', 'bowl'),
    *('clean_and_jerk', 'golf_swing', 'jumping_jacks', 'pullup', 'pushup'),
    *('situp', 'squat', 'tennis_forehand', 'tennis_serve'),
)
# Spellings of TCC, CASA and CARL.
OTHER_SPELLINGS = {
    'bowling': 'bowl',
    'pullups': 'pullup',
    'pushups': 'pushup',
    'situps': 'situp',
    'squats': 'squat',
}


def activity_name(spelling: str) -> str:
    """Return the spelling of an activity in the dataset."""
    return OTHER_SPELLINGS.get(spelling, spelling)


def read_label_file(path: str | os.PathLike) -> LabeledSequence:
    """Read an official label file, such as ``labels/0001.mat``.

    The name of the sequence is the number of the file; its joints are in
    pixels, (T, 13, 2) float64. Raises AnnotationError if the file has another
    layout.
    """
    path = Path(path)
    with reading(path, 'a Penn Action label file'):
        label = scipy.io.loadmat(path)
        x, y, visibility = (
            np.asarray(label[key], dtype=np.float64)
            for key in ('x', 'y', 'visibility')
        )
        activity = str(np.ravel(label['action'])[0])
        train = int(np.ravel(label['train'])[0])
        height, width = (int(v) for v in np.ravel(label['dimensions'])[:2])
    joints = len(PENN_ACTION['joints'])
    for key, value in dict(x=x, y=y, visibility=visibility).items():
        if value.ndim != 2 or value.shape != (len(x), joints) or not len(x):
            raise AnnotationError(
                f'{path}: {key} is expected to have the shape (frames, '
                f'{joints}) with one frame at least, but has {value.shape}'
            )
    visible = visibility > 0
    keypoint = np.stack([x, y], axis=-1)
    if not np.isfinite(keypoint[visible]).all():
        raise AnnotationError(
            f'{path}: x and y are expected to be finite where a joint is '
            'visible, but hold NaN or infinity there'
        )
    shape = (height, width)
    return LabeledSequence(
        name=path.stem,
        activity=activity_name(activity),
        split='train' if train == 1 else 'test',
        keypoint=keypoint,
        visible=visible,
        fields=dict(img_shape=shape, original_shape=shape),
    )


def make_annotations(
    sequences: Iterable[LabeledSequence],
    phases: Phases | None = None,
    val_share: float = 0.0,
    seed: int = 0,
    test_share: float = 0.0,
) -> tuple[dict, list[str]]:
    """Convert sequences and phases to annotations.

    See :func:`~masa.datasets.conversion.build_annotations`.
    """
    sequences = sorted(sequences, key=lambda sequence: sequence.name)
    if phases is not None:
        sequences = [
            s._replace(phase=phases.labels.get(s.name)) for s in sequences
        ]
    return build_annotations(
        sequences,
        PENN_ACTION,
        phases=None if phases is None else phases.names,
        val_share=val_share,
        seed=seed,
        test_share=test_share,
    )


def phases_from_pickles(
    paths: Iterable[str | os.PathLike], sequences: Sequence[LabeledSequence]
) -> Phases:
    """Read phases from the pickles of CARL.

    Each contains a list of dicts, or a tuple of that list and an index by
    activity. A dict has ``name`` (number and activity of the sequence,
    ``'0001_baseball_pitch'``), ``frame_label`` (a tensor, an array or a list),
    ``seq_len`` and, optionally, ``action_label``, ``id`` (the index of the
    entry) and ``video_file``. Labels of another length than the sequence are
    resampled by floor index, as in CARL (Chen et al. 2022).

    Args:
        paths (Iterable[str | os.PathLike]): ``train.pkl``, ``val.pkl``.
        sequences (Sequence[LabeledSequence]): The sequences to label.

    Returns:
        Phases: Phases of the sequences in the files, without names.

    Raises:
        AnnotationError: If a file has another layout, or an activity differs
            from the label files.
    """
    entries = {}
    for path in paths:
        content = load_plain_pickle(path, admit=_TENSORS)
        if isinstance(content, tuple) and content:
            content = content[0]
        if not isinstance(content, list):
            raise AnnotationError(
                f'{path} is expected to hold a list of dicts, but holds a '
                f'{type(content).__name__}'
            )
        for number, entry in enumerate(content):
            name, activity = _sequence_of(entry, f'{path}, entry {number}')
            if name in entries:
                raise AnnotationError(
                    f'{path}, entry {number}: sequence {name} is expected '
                    f'once, but is in {entries[name][2]} too'
                )
            entries[name] = (entry, activity, path)
    labels, resampled = {}, []
    activity_of_index: dict[int, str] = {}
    for sequence in sequences:
        if sequence.name not in entries:
            continue
        entry, activity, path = entries.pop(sequence.name)
        where = f'{path}, sequence {sequence.name}'
        if activity:
            check_activity(where, activity, sequence)
        index = entry.get('action_label')
        known = activity_of_index.setdefault(index, sequence.activity)
        if index is not None and known != sequence.activity:
            raise AnnotationError(
                f'{where}: action_label {index} stands for {known} '
                f'elsewhere, but the label file says {sequence.activity}'
            )
        label = _frame_label(entry, where)
        total = len(sequence.keypoint)
        if len(label) != total:
            label = label[np.arange(total) * len(label) // total]
            resampled.append(sequence.name)
        labels[sequence.name] = label.astype(np.int64)
    return Phases({}, labels, resampled, sorted(entries))


def _sequence_of(entry: Any, where: str) -> tuple[str, str]:
    """Return number and activity from the name of an entry."""
    name = entry.get('name') if isinstance(entry, dict) else None
    match = re.fullmatch(r'(\d+)(?:_(\w+))?', str(name))
    if match is None:
        raise AnnotationError(
            f"{where}: expected a dict with a 'name' such as "
            f"'0001_baseball_pitch', but found {name!r}"
        )
    number, activity = match.groups()
    return f'{int(number):04d}', activity_name(activity or '')


def _frame_label(entry: dict, where: str) -> np.ndarray:
    label = np.asarray(entry.get('frame_label'))
    if (
        label.ndim != 1
        or not len(label)
        or label.dtype.kind not in 'iuf'
        or (label % 1 != 0).any()
    ):
        raise AnnotationError(
            f'{where}: frame_label is expected to be a list of whole '
            f'numbers, but is {label.dtype} of shape {label.shape}'
        )
    # Labels after seq_len are padding.
    length = entry.get('seq_len', len(label))
    return label[: max(int(length), 1)]


def _rebuild_tensor(*arguments: Any) -> Any:
    from torch._utils import _rebuild_tensor_v2

    return _rebuild_tensor_v2(*arguments)


def _load_storage(content: bytes) -> Any:
    import torch

    return torch.load(io.BytesIO(content), weights_only=True)


# Names in pickled tensors. PyTorch's own _load_from_bytes would unpickle the
# storage and could run code.
_TENSORS = {
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch.storage', '_load_from_bytes'): _load_storage,
}
