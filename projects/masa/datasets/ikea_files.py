"""IKEA ASM's official action segments.

The layout is that which the dataset's own code writes,
https://github.com/IkeaASM/IKEA_ASM_Dataset, ``action/utils.py``.
"""

import os
from typing import NamedTuple

from .errors import AnnotationError
from .text_files import read_json

SPLITS = dict(training='train', testing='test')
DRAWER = 'Kallax_Shelf_Drawer'


class Scan(NamedTuple):
    """One assembly of one piece of furniture.

    Attributes:
        name (str): Its path in the dataset, ``'Kallax_Shelf_Drawer/0001_
            black_table_02_01_2019_08_16_14_00'``.
        is_train (bool): Whether it is of the official training split.
        segments (list[tuple[str, int, int]]): Action, first and last frame,
            the last part of it.
    """

    name: str
    is_train: bool
    segments: list[tuple[str, int, int]]

    @property
    def frames(self) -> int:
        """int: Number of frames that the segments tell."""
        return 1 + max(last for _, _, last in self.segments)


def read_segments(path: str | os.PathLike, furniture: str) -> list[Scan]:
    """Read the action segments of one kind of furniture.

    Args:
        path (str | os.PathLike): ``gt_segments.json``: ``{'database':
            {scan: {'subset': 'training' or 'testing', 'annotation':
            [{'label': action, 'segment': [first, last]}]}}}``.
        furniture (str): Such as ``'Kallax_Shelf_Drawer'``.

    Returns:
        list[Scan]: By name.

    Raises:
        AnnotationError: If the file is of another layout, or has none of the
            furniture. The scan is named.
        OSError: If it cannot be opened.
    """
    content = read_json(path)
    try:
        database = content['database'].items()
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(
            f"{path} is expected to hold 'database', a dict by scan, but: "
            f'{error!r}'
        ) from error
    scans = []
    for name, entry in sorted(database):
        if name.split('/')[0] != furniture:
            continue
        try:
            segments = [
                (str(one['label']), *map(int, one['segment']))
                for one in entry['annotation']
            ]
            scan = Scan(name, SPLITS[entry['subset']] == 'train', segments)
            wrong = [
                s for s in segments if len(s) != 3 or not 0 <= s[1] <= s[2]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise AnnotationError(
                f"{path}, {name}: expected a 'subset' of {sorted(SPLITS)} "
                "and an 'annotation' of labels and segments, but: "
                f'{error!r}'
            ) from error
        if wrong or not segments:
            raise AnnotationError(
                f'{path}, {name}: segments are expected to be [first, last] '
                f'with 0 <= first <= last, but found {wrong or "none"}'
            )
        scans.append(scan)
    if not scans:
        raise AnnotationError(f'{path} has no scans of {furniture}')
    return scans


def check_length(what: str, found: int, frames: int) -> None:
    """Check that a source has about as many frames as the segments tell.

    The segments leave out a last frame that is alone with its label, and
    videos are a few frames longer or shorter than what was labeled.

    Args:
        what (str): The source.
        found (int): Its number of frames.
        frames (int): That of the segments.

    Raises:
        AnnotationError: If they differ by more than 1% and 5 frames.
    """
    if abs(found - frames) > max(5, frames // 100):
        raise AnnotationError(
            f'{what} has {found} frames, but the action segments {frames}'
        )
