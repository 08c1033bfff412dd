"""Penn Action's official labels, as annotations."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from .annotation import AnnotationError, load_plain_pickle
from .gaps import fill_invisible_joints, mean_visible_pose
from .skeletons import PENN_ACTION

# The activities with key events (Dwibedi et al. 2019, Table 2).
THIRTEEN_ACTIVITIES = (
    'baseball_pitch',
    'baseball_swing',
    'bench_press',
    'bowl',
    'clean_and_jerk',
    'golf_swing',
    'jumping_jacks',
    'pullup',
    'pushup',
    'situp',
    'squat',
    'tennis_forehand',
    'tennis_serve',
)
# As TCC, CASA and CARL spell some of them.
OTHER_SPELLINGS = {
    'bowling': 'bowl',
    'pullups': 'pullup',
    'pushups': 'pushup',
    'situps': 'situp',
    'squats': 'squat',
}


class PennSequence(NamedTuple):
    """One label file of Penn Action.

    Attributes:
        name (str): The file's number, such as ``'0001'``.
        activity (str): In the spelling of ``THIRTEEN_ACTIVITIES``.
        is_train (bool): Whether it is of the official training split.
        keypoint (np.ndarray): Pixels, ``(T, 13, 2)`` float64.
        visible (np.ndarray): ``(T, 13)``, bool. The position of an invisible
            joint is a constant and no position at all.
        img_shape (tuple[int, int]): Height and width.
    """

    name: str
    activity: str
    is_train: bool
    keypoint: np.ndarray
    visible: np.ndarray
    img_shape: tuple[int, int]


def activity_name(spelling: str) -> str:
    """Return the data set's own spelling of an activity.

    Args:
        spelling (str): Its name as some code base spells it.

    Returns:
        str: The name in the label files.
    """
    return OTHER_SPELLINGS.get(spelling, spelling)


def read_label_file(path: str | os.PathLike) -> PennSequence:
    """Read one official label file.

    Args:
        path (str | os.PathLike): Such as ``labels/0001.mat``.

    Returns:
        PennSequence: Its contents.

    Raises:
        AnnotationError: If the file is not of the official layout.
    """
    path = Path(path)
    try:
        label = loadmat(path)
        x, y, visibility = (
            np.asarray(label[key], dtype=np.float64)
            for key in ('x', 'y', 'visibility')
        )
        activity = str(np.ravel(label['action'])[0])
        train = int(np.ravel(label['train'])[0])
        height, width = (int(v) for v in np.ravel(label['dimensions'])[:2])
    except (MatReadError, KeyError, IndexError, ValueError, OSError) as error:
        raise AnnotationError(
            f'{path} cannot be read as a Penn Action label file: {error}'
        ) from error
    joints = len(PENN_ACTION['joints'])
    for key, value in dict(x=x, y=y, visibility=visibility).items():
        if value.ndim != 2 or value.shape != (len(x), joints) or not len(x):
            raise AnnotationError(
                f'{path}: {key} is expected to have the shape (frames, '
                f'{joints}) with one frame at least, but has {value.shape}'
            )
    return PennSequence(
        name=path.stem,
        activity=activity_name(activity),
        is_train=train == 1,
        keypoint=np.stack([x, y], axis=-1),
        visible=visibility > 0,
        img_shape=(height, width),
    )


class Phases(NamedTuple):
    """Phase labels from another source than the data set itself.

    Attributes:
        names (dict[str, list[str]]): Names of the phases by activity; empty
            where the source has none.
        labels (dict[str, np.ndarray]): Phase of every frame by sequence,
            ``(T,)`` int64.
        resampled (list[str]): Sequences whose labels had another length.
    """

    names: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    resampled: list[str]


def phases_from_key_events(
    path: str | os.PathLike, sequences: Iterable[PennSequence]
) -> Phases:
    """Read phases from a JSON file of key events.

    The phase of a frame is the number of events at or before it. Layout:
    ``{'events': {activity: [names]}, 'sequences': {id: {'action': activity,
    'frames': [frame of every event]}}}``.

    Args:
        path (str | os.PathLike): The file.
        sequences (Iterable[PennSequence]): The sequences to label.

    Returns:
        Phases: Of the sequences that the file has.

    Raises:
        AnnotationError: If the file is of another layout, or disagrees with
            the label files about an activity, or has events that do not
            increase or lie outside of their sequence.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        events, listed = content['events'], content['sequences']
    except (ValueError, KeyError, TypeError) as error:
        raise AnnotationError(
            f"{path} is expected to be JSON with 'events' and 'sequences', "
            f'but: {error!r}'
        ) from error
    labels = {}
    for sequence in sequences:
        entry = listed.get(sequence.name)
        if entry is None:
            continue
        activity = activity_name(entry['action'])
        frames = np.asarray(entry['frames'])
        where = f'{path}, sequence {sequence.name}'
        if activity != sequence.activity:
            raise AnnotationError(
                f'{where}: the activity is {activity}, but '
                f'{sequence.activity} in the label file'
            )
        total = len(sequence.keypoint)
        if (
            frames.shape != (len(events[activity]),)
            or (np.diff(frames) < 0).any()
            or frames.min() < 0
            or frames.max() >= total
        ):
            raise AnnotationError(
                f'{where}: expected {len(events[activity])} increasing '
                f'frames in [0, {total}), found {frames.tolist()}'
            )
        labels[sequence.name] = np.searchsorted(
            frames, np.arange(total), side='right'
        ).astype(np.int64)
    names = {
        activity_name(activity): ['start', *after]
        for activity, after in events.items()
    }
    return Phases(names, labels, [])


def phases_from_pickles(
    paths: Iterable[str | os.PathLike], sequences: Iterable[PennSequence]
) -> Phases:
    """Read phases from the pickles that CARL's users have.

    Each is a list of dicts with ``name`` (the activity), ``frame_label``,
    ``seq_len`` and the sequence's number in ``video_file`` or ``id``, or a
    tuple of that list and an index of activities. Labels of another length
    than the sequence are resampled by floor index, as CARL does.

    Args:
        paths (Iterable[str | os.PathLike]): ``train.pkl``, ``val.pkl``.
        sequences (Iterable[PennSequence]): The sequences to label.

    Returns:
        Phases: Of the sequences that the files have, without names.

    Raises:
        AnnotationError: If a file is of another layout, or names a sequence
            whose activity is another in the label files.
    """
    entries = {}
    for path in paths:
        content = load_plain_pickle(path)
        if isinstance(content, tuple):
            content = content[0]
        if not isinstance(content, list):
            raise AnnotationError(
                f'{path} is expected to hold a list of dicts, but holds a '
                f'{type(content).__name__}'
            )
        for entry in content:
            entries[_sequence_number(entry, path)] = (entry, path)
    labels, resampled = {}, []
    for sequence in sequences:
        if sequence.name not in entries:
            continue
        entry, path = entries[sequence.name]
        activity = activity_name(str(entry['name']))
        where = f'{path}, sequence {sequence.name}'
        if activity != sequence.activity:
            raise AnnotationError(
                f'{where}: the activity is {activity}, but '
                f'{sequence.activity} in the label file'
            )
        label = np.asarray(entry['frame_label'])
        if label.ndim != 1 or not len(label) or label.dtype.kind not in 'iuf':
            raise AnnotationError(
                f'{where}: frame_label is expected to be a list of phases, '
                f'but is {label.dtype} of shape {label.shape}'
            )
        total = len(sequence.keypoint)
        if len(label) != total:
            label = label[np.arange(total) * len(label) // total]
            resampled.append(sequence.name)
        labels[sequence.name] = label.astype(np.int64)
    return Phases({}, labels, resampled)


def _sequence_number(entry: dict, path: str | os.PathLike) -> str:
    for key in ('video_file', 'id', 'name'):
        stem = Path(str(entry.get(key, ''))).stem
        digits = stem.rsplit('_', 1)[-1]
        if digits.isdigit():
            return f'{int(digits):04d}'
    raise AnnotationError(
        f'{path}: an entry is expected to have the number of its sequence '
        f"in 'video_file', 'id' or 'name', but has {sorted(entry)}"
    )


def hold_out(
    sequences: Iterable[PennSequence], share: float, seed: int
) -> set[str]:
    """Draw a share of the training sequences of every activity.

    Args:
        sequences (Iterable[PennSequence]): All sequences.
        share (float): In (0, 1); one sequence at least of an activity that
            has two.
        seed (int): Of the draw.

    Returns:
        set[str]: Names of the sequences held out.
    """
    by_activity: dict[str, list[str]] = {}
    for sequence in sequences:
        if sequence.is_train:
            by_activity.setdefault(sequence.activity, []).append(sequence.name)
    rng = np.random.default_rng(seed)
    held_out: set[str] = set()
    for activity in sorted(by_activity):
        names = sorted(by_activity[activity])
        if len(names) > 1:
            count = min(max(1, round(share * len(names))), len(names) - 1)
            held_out.update(rng.choice(names, count, replace=False).tolist())
    return held_out


def make_annotations(
    sequences: list[PennSequence],
    phases: Phases | None = None,
    val_share: float = 0.0,
    seed: int = 0,
) -> dict:
    """Put sequences and phases into annotation format.

    Args:
        sequences (list[PennSequence]): What the label files hold.
        phases (Phases, optional): Phase labels. Defaults to none.
        val_share (float): Share of the training sequences of every activity
            that makes the split 'val', in [0, 1). Defaults to 0, no 'val'.
        seed (int): Of that draw. Defaults to 0.

    Returns:
        dict: Annotations with the splits 'train', 'val' if asked for, and
        'test', the official one, if there is any. Sequences in which no joint
        is ever visible are left out.
    """
    sequences = sorted(sequences, key=lambda sequence: sequence.name)
    sequences = [one for one in sequences if one.visible.any()]
    held_out = hold_out(sequences, val_share, seed) if val_share else set()
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    for one in sequences:
        kind = 'val' if one.name in held_out else 'train'
        splits[kind if one.is_train else 'test'].append(one.name)
    activities = sorted({one.activity for one in sequences})
    pose = mean_visible_pose(
        [one.keypoint for one in sequences],
        [one.visible for one in sequences],
        PENN_ACTION['root'],
        PENN_ACTION['torso'],
    )
    records = []
    for one in sequences:
        keypoint = fill_invisible_joints(
            one.keypoint, one.visible, PENN_ACTION['flip_pairs'], pose
        )
        record = dict(
            frame_dir=one.name,
            total_frames=len(keypoint),
            label=activities.index(one.activity),
            img_shape=one.img_shape,
            original_shape=one.img_shape,
            keypoint=keypoint[None].astype(np.float32),
            keypoint_score=one.visible[None].astype(np.float32),
        )
        if phases is not None and one.name in phases.labels:
            record['phase'] = phases.labels[one.name]
        records.append(record)
    annotations = dict(
        split={name: ids for name, ids in splits.items() if ids},
        annotations=records,
        activities=activities,
        skeleton=PENN_ACTION,
    )
    if phases is not None:
        annotations['phases'] = {
            activity: phases.names[activity]
            for activity in activities
            if activity in phases.names
        }
    return annotations
