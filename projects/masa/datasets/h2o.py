"""Convert H2O's hand poses and actions to annotations.

The layout follows the README of the dataset's repository,
https://github.com/taeinkwon/h2odataset, and its download page,
https://h2odataset.ethz.ch.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .conversion import LabeledSequence, build_annotations, reading
from .errors import AnnotationError
from .skeletons import H2O_JOINTS, HANDS_42
from .text_files import read_text

# Actions 1 to 36; action 0 is the background.
ACTIONS = (
    *('grab book', 'grab espresso', 'grab lotion', 'grab spray', 'grab milk'),
    *('grab cocoa', 'grab chips', 'grab cappuccino', 'place book'),
    *('place espresso', 'place lotion', 'place spray', 'place milk'),
    *('place cocoa', 'place chips', 'place cappuccino', 'open lotion'),
    *('open milk', 'open chips', 'close lotion', 'close milk', 'close chips'),
    *('pour milk', 'take out espresso', 'take out cocoa', 'take out chips'),
    *('take out cappuccino', 'put in espresso', 'put in cocoa'),
    *('put in cappuccino', 'apply lotion', 'apply spray', 'read book'),
    *('read espresso', 'spray spray', 'squeeze lotion'),
)
# Splits with an action list; that of the test split has no labels.
SPLITS = ('train', 'val', 'test')
_COLUMNS = ('path', 'start_act', 'end_act', 'start_frame', 'end_frame')
# Frames per second, from the paper of the dataset.
FRAME_RATE = 30.0
# In their usual order.
MILK_VERBS = ('place', 'grab', 'open', 'pour', 'close')


class Action(NamedTuple):
    """One action of a sequence.

    Attributes:
        label (int): Action in [1, 36]; 0 if not known.
        first (int): First frame.
        last (int): Last frame, inclusive.
    """

    label: int
    first: int
    last: int


class ListedSequence(NamedTuple):
    """Entry of a sequence in the official lists.

    Attributes:
        name (str): Its path in the dataset, ``'subject1/h1/0'``.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        frames (int): Number of frames.
        actions (list[Action]): Actions in the order of the list.
    """

    name: str
    split: str
    frames: int
    actions: list[Action]

    @property
    def object(self) -> str:
        """str: Object of the actions; '' if not known."""
        names = {ACTIONS[a.label - 1] for a in self.actions if a.label}
        return ' or '.join(sorted({name.split()[-1] for name in names}))


def read_action_lists(folder: str | os.PathLike) -> list[ListedSequence]:
    """Read the official action lists.

    ``folder`` contains ``action_train.txt``, ``action_val.txt`` and
    ``action_test.txt``, each with a line of column names (``id path
    action_label start_act end_act start_frame end_frame``, without
    ``action_label`` in the test list) and one line per action. Raises
    AnnotationError, which names file and line, if a list is missing or of
    another layout, or a sequence has actions with several objects.
    """
    sequences: dict[str, ListedSequence] = {}
    for split in SPLITS:
        path = Path(folder, f'action_{split}.txt')
        try:
            header, *lines = read_text(path).splitlines()
        except (OSError, ValueError) as error:
            raise AnnotationError(
                f'{path} is expected to be an action list of H2O '
                '(https://github.com/taeinkwon/h2odataset, folder '
                f'action_labels), but: {error}'
            ) from error
        columns = header.split()
        if not set(_COLUMNS) <= set(columns):
            raise AnnotationError(
                f'{path} is expected to have the columns {_COLUMNS}, but has '
                f'{columns}'
            )
        for number, line in enumerate(lines, 2):
            if line.strip():
                _add_line(
                    sequences, split, f'{path}, line {number}', columns, line
                )
    for sequence in sequences.values():
        if ' or ' in sequence.object:
            raise AnnotationError(
                f'{folder}: {sequence.name} is expected to have actions with '
                f'one object, but has {sequence.object}'
            )
    return list(sequences.values())


def _add_line(sequences, split, where, columns, line):
    values = line.split()
    entry = dict(zip(columns, values, strict=False))
    try:
        label = int(entry.get('action_label', 0))
        first, last, start, end = (int(entry[key]) for key in _COLUMNS[1:])
        fits = len(values) == len(columns)
    except (KeyError, ValueError):
        fits = False
    if (
        not fits
        or not 0 <= label <= len(ACTIONS)
        or not 0 == start <= first <= last <= end
    ):
        raise AnnotationError(
            f'{where}: expected {columns} with an action_label in [0, '
            f'{len(ACTIONS)}] and frames start_frame = 0 <= start_act <= '
            f'end_act <= end_frame, but found {line!r}'
        )
    known = sequences.setdefault(
        entry['path'], ListedSequence(entry['path'], split, end + 1, [])
    )
    if (known.split, known.frames) != (split, end + 1):
        raise AnnotationError(
            f'{where}: {known.name} is in the split {known.split} with '
            f'{known.frames} frames elsewhere, and here in {split} with '
            f'{end + 1}'
        )
    known.actions.append(Action(label, first, last))


def read_hand_poses(
    folder: str | os.PathLike, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Read the hand poses of a sequence, one text file per frame.

    ``folder``, such as ``subject1/h1/0/cam4/hand_pose``, contains
    ``000000.txt`` and so on: for the left and then the right hand a flag (1 if
    annotated, else 0) and 21 x 3 coordinates in meters in the camera frame.
    Returns positions (T, 42, 3) float64 and whether they are annotated (T,
    42), bool; left hand first. Raises AnnotationError if a file is missing or
    of another layout.
    """
    values = np.stack(
        [_read_numbers(Path(folder, f'{i:06d}.txt')) for i in range(frames)]
    ).reshape(frames, 2, 64)
    flag = values[:, :, 0]
    for i, hand in np.argwhere((flag != 0) & (flag != 1)):
        raise AnnotationError(
            f'{Path(folder, f"{i:06d}.txt")}: the flag of a hand is expected '
            f'to be 0 or 1, but is {flag[i, hand]}'
        )
    points = values[:, :, 1:].reshape(frames, 42, 3)
    visible = np.repeat(flag == 1, 21, axis=1)
    # Hands with all positions 0 are not annotated either.
    visible &= points.any(-1)
    for i, _ in np.argwhere(visible & ~np.isfinite(points).all(-1)):
        raise AnnotationError(
            f'{Path(folder, f"{i:06d}.txt")}: the joints of an annotated '
            'hand are expected to be finite'
        )
    return points, visible


def _read_numbers(path: Path) -> np.ndarray:
    with reading(path, 'a hand pose of H2O'):
        values = np.array(read_text(path).split(), dtype=np.float64)
    if values.shape != (128,):
        raise AnnotationError(
            f'{path} is expected to hold 2 x (1 + 21 x 3) = 128 numbers, but '
            f'holds {values.size}'
        )
    return values


def read_sequences(
    root: str | os.PathLike,
    listed: Sequence[ListedSequence],
    joints: str,
    camera: str,
    activity: str | None = None,
) -> tuple[list[LabeledSequence], list[str]]:
    """Read the hand poses of listed sequences in the folder ``root``.

    ``joints`` is a key of :data:`~masa.datasets.skeletons.H2O_JOINTS`;
    ``camera``, such as ``'cam4'``, sets the coordinate frame. The activity
    defaults to the object of each sequence. Returns the sequences found and
    the names of those whose folder is missing. Raises AnnotationError if none
    is found or a file is invalid.
    """
    names = H2O_JOINTS[joints]['joints']
    chosen = [HANDS_42['joints'].index(name) for name in names]
    sequences, missing = [], []
    for entry in listed:
        folder = Path(root, entry.name, camera, 'hand_pose')
        if not folder.is_dir():
            missing.append(entry.name)
            continue
        keypoint, visible = read_hand_poses(folder, entry.frames)
        sequences.append(
            LabeledSequence(
                entry.name,
                keypoint[:, chosen],
                visible[:, chosen],
                entry.object if activity is None else activity,
                entry.split,
                fields=dict(frame_rate=FRAME_RATE),
            )
        )
    if not sequences:
        raise AnnotationError(
            f'{root} has none of the {len(listed)} sequences wanted, such as '
            f'{Path(listed[0].name, camera, "hand_pose")}'
        )
    return sequences, missing


def action_phases(
    listed: Sequence[ListedSequence],
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Convert actions to phases; activities are the objects.

    Each pair of activity and phase is one of the 36 actions. Frames outside
    all actions have unknown phase, -1. Returns the phase of every frame, (T,)
    int64, by sequence, if known, and the names of the phases by activity.
    """
    names: dict[str, list[str]] = {}
    for action in ACTIONS:
        names.setdefault(action.split()[-1], []).append(action)
    labels = {}
    for entry in listed:
        if not entry.object:
            continue
        phase = labels[entry.name] = np.full(entry.frames, -1)
        for label, first, last in entry.actions:
            name = ACTIONS[label - 1]
            phase[first : last + 1] = names[entry.object].index(name)
    return labels, names


def milk_phases_of_actions(
    listed: Sequence[ListedSequence], activity: str
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Derive ten phases of pouring milk from the five official actions.

    A phase is an action or the interval between it and the next. CASA and MASA
    also use ten phases, which are not public and may differ. Frames before the
    first action have unknown phase, -1. Returns the same as
    :func:`action_phases`.
    """
    labels = {}
    for entry in listed:
        if not entry.object:
            continue
        phase = labels[entry.name] = np.full(entry.frames, -1)
        for label, first, last in sorted(entry.actions, key=lambda a: a.first):
            number = 2 * MILK_VERBS.index(ACTIONS[label - 1].split()[0])
            phase[first : last + 1] = number
            phase[last + 1 :] = number + 1
    names = [name for verb in MILK_VERBS for name in (verb, f'after {verb}')]
    return labels, {activity: names}


def make_annotations(
    sequences: Sequence[LabeledSequence],
    joints: str,
    labels: dict[str, np.ndarray],
    phase_names: dict[str, list[str]],
) -> tuple[dict, list[str]]:
    """Convert sequences and phases to annotations.

    See :func:`~masa.datasets.conversion.build_annotations`. ``labels`` are
    phases by sequence, ``phase_names`` names by activity.
    """
    return build_annotations(
        [s._replace(phase=labels.get(s.name)) for s in sequences],
        H2O_JOINTS[joints],
        phases=phase_names,
        # One hand must not replace the other.
        mirror=False,
    )
