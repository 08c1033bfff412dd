"""IKEA ASM's drawer assemblies, as annotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .conversion import hold_out, joint_fields
from .errors import AnnotationError
from .ikea_files import DRAWER, Scan, check_length
from .skeletons import LAYOUTS

# The actions of IKEA ASM's list that a drawer has. That these, NA (no action)
# and other are the 17 phases of CASA and MASA is inferred from their number.
DRAWER_PHASES = (
    'NA',
    'align side panel holes with front panel dowels',
    'attach drawer back panel',
    'attach drawer side panel',
    'insert drawer pin',
    *(
        f'lay down {part} panel'
        for part in ('back', 'bottom', 'front', 'side')
    ),
    *(f'pick up {part} panel' for part in ('back', 'bottom', 'front', 'side')),
    'pick up pin',
    'position the drawer right side up',
    'slide bottom of drawer',
    'other',
)


class DrawerSequence(NamedTuple):
    """An assembly with what is known of its frames.

    Attributes:
        name (str): Of the scan.
        is_train (bool): Whether it is of the official training split.
        phase (np.ndarray): ``(T,)`` int64.
        keypoint (np.ndarray, optional): ``(T, V, C)`` float64.
        visible (np.ndarray, optional): ``(T, V)``, bool.
        layout (str, optional): Name of the layout of the joints, a key of
            :data:`~masa.datasets.skeletons.LAYOUTS`.
        feature_path (str, optional): Of the features, ``(T, D)``.
        activity (str): The furniture.
    """

    name: str
    is_train: bool
    phase: np.ndarray
    keypoint: np.ndarray | None = None
    visible: np.ndarray | None = None
    layout: str | None = None
    feature_path: str | None = None
    activity: str = DRAWER


def frame_phases(
    scan: Scan, frames: int, na: str = 'phase'
) -> tuple[np.ndarray, int]:
    """Return the phase of every frame of a scan.

    Frames without a segment are NA, as in the dataset's own code; frames
    after the last one are of unknown phase, -1. Actions of other furniture
    count as 'other'.

    Args:
        scan (Scan): The scan.
        frames (int): Number of frames, T.
        na (str): ``'phase'`` if NA is a phase of its own, ``'unknown'`` if
            such frames are of unknown phase. Defaults to ``'phase'``.

    Returns:
        tuple[np.ndarray, int]: Index in ``DRAWER_PHASES``, ``(T,)`` int64,
        and how many segments are actions of other furniture.
    """
    phase = np.full(frames, -1)
    phase[: scan.frames] = 0
    foreign = 0
    for label, first, last in scan.segments:
        foreign += label not in DRAWER_PHASES
        name = label if label in DRAWER_PHASES else 'other'
        phase[first : last + 1] = DRAWER_PHASES.index(name)
    if na == 'unknown':
        phase[phase == 0] = -1
    return phase, foreign


def feature_file(folder: Path, scan: Scan) -> tuple[str, int]:
    """Find the features of a scan.

    Args:
        folder (Path): Of ``<scan>.npy``, ``(T, D)``.
        scan (Scan): The scan.

    Returns:
        tuple[str, int]: The path below the folder, and T.

    Raises:
        AnnotationError: If the file cannot be read, or its length is not
            about that of the segments.
    """
    path = folder / f'{scan.name}.npy'
    try:
        feature = np.load(path, mmap_mode='r', allow_pickle=False)
        frames, _ = feature.shape
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise AnnotationError(
            f'{path} is expected to be a .npy of shape (frames, channels), '
            f'but: {error}'
        ) from error
    check_length(str(path), frames, scan.frames)
    return f'{scan.name}.npy', frames


def make_annotations(
    sequences: Sequence[DrawerSequence], val_share: float = 0.0, seed: int = 0
) -> tuple[dict, list[str]]:
    """Put assemblies into annotation format.

    Args:
        sequences (Sequence[DrawerSequence]): All with joints, or none.
        val_share (float): Share of the training sequences that makes the
            split 'val', in [0, 1). Defaults to 0, no 'val'.
        seed (int): Of that draw. Defaults to 0.

    Returns:
        tuple[dict, list[str]]: Annotations with the splits 'train', 'val' if
        asked for, and 'test', and the names of the sequences left out because
        no joint is ever visible in them.

    Raises:
        AnnotationError: If no sequence is left, or the layouts of their
            joints differ.
    """
    blind = [
        one.name
        for one in sequences
        if one.visible is not None and not one.visible.any()
    ]
    sequences = [one for one in sequences if one.name not in set(blind)]
    if not sequences:
        raise AnnotationError(
            'none of the sequences has a joint that is ever visible'
        )
    held_out = hold_out(sequences, val_share, seed) if val_share else set()
    annotations = dict(
        annotations=[],
        activities=[DRAWER],
        phases={DRAWER: list(DRAWER_PHASES)},
    )
    joints = [dict(total_frames=len(one.phase)) for one in sequences]
    if sequences[0].keypoint is not None:
        layouts = {one.layout for one in sequences}
        if len(layouts) > 1:
            raise AnnotationError(
                'sequences are expected to have the same joints, but have '
                f'{sorted(layouts)}'
            )
        annotations['skeleton'] = LAYOUTS[layouts.pop()]
        joints = joint_fields(sequences, annotations['skeleton'])
    for one, fields in zip(sequences, joints, strict=True):
        record = dict(frame_dir=one.name, label=0, phase=one.phase, **fields)
        if one.feature_path is not None:
            record['feature_path'] = one.feature_path
        annotations['annotations'].append(record)
    splits: dict[str, list[str]] = dict(train=[], val=[], test=[])
    for one in sequences:
        kind = 'val' if one.name in held_out else 'train'
        splits[kind if one.is_train else 'test'].append(one.name)
    annotations['split'] = {name: ids for name, ids in splits.items() if ids}
    return annotations, blind
