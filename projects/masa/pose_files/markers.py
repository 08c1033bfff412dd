"""Markers and joint centers of motion capture."""

from collections.abc import Iterable

import numpy as np

from ..datasets.errors import AnnotationError
from ..datasets.skeletons import PLUG_IN_GAIT_39
from .named_joints import layout_of_names

# Meters of the units of length.
METERS = {'mm': 0.001, 'cm': 0.01, 'dm': 0.1, 'm': 1.0, 'in': 0.0254}
_HEAD = ('LFHD', 'RFHD', 'LBHD', 'RBHD')
# Joint centers that models of markers compute: their usual names, and the
# origins and ends of bones that Vicon's Plug-in Gait adds to a file.
_CENTERS = [
    {
        f'{s}{name}': f'{side}_{part}'
        for part, name in zip(
            ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle'),
            names.split(),
            strict=True,
        )
        for side, s in (('left', 'L'), ('right', 'R'))
    }
    for names in ('SJC EJC WJC HJC KJC AJC', 'CLO HUO RAO FEP FEO TIO')
]


def without_subject(labels: Iterable[str]) -> list[str]:
    """Take a subject's name off the labels of its markers.

    Example:
        >>> without_subject(['S01_LASI', 'S01_RASI'])
        ['LASI', 'RASI']
        >>> without_subject(['Ann:LASI', 'LASI', 'L_KNE'])
        ['LASI', 'LASI', 'L_KNE']
    """
    names = [label.rpartition(':')[2] for label in labels]
    # Of a single label, nothing tells what the name is.
    prefix = max(names, default='') if len(names) > 1 else ''
    while not all(name.startswith(prefix) for name in names) or (
        prefix and prefix[-1] != '_'
    ):
        prefix = prefix[:-1]
    return [name.removeprefix(prefix) for name in names]


def choose_markers(
    labels: Iterable[str], layout: dict | None = None
) -> list[str]:
    """Choose the markers that make up a body.

    Args:
        labels (Iterable[str]): Names of the markers.
        layout (dict, optional): What the user says they are. Defaults to
            nothing.

    Returns:
        list[str]: All of them for a layout that the user says; else the
        centers of all twelve joints, such as ``LHJC`` or Plug-in Gait's
        ``LFEP``, and the markers on the head; else the 39 markers of Plug-in
        Gait; or all.
    """
    labels = list(labels)
    for centers in _CENTERS:
        if layout is None and centers.keys() <= set(labels):
            return [*(one for one in _HEAD if one in labels), *centers]
    if layout is None and set(PLUG_IN_GAIT_39['joints']) <= set(labels):
        return list(PLUG_IN_GAIT_39['joints'])
    return labels


def layout_of_markers(
    labels: list[str], layout: dict | None, where: str, up_axis: str | None
) -> dict:
    """Return the layout of markers, or check what the user says.

    Args:
        labels (list[str]): Names of the markers.
        layout (dict, optional): What the user says they are.
        where (str): File and place, for messages.
        up_axis (str, optional): Which way is up, where it is known.

    Returns:
        dict: The layout.

    Raises:
        AnnotationError: If the user's layout has another number of joints, or
            two markers have one name.
    """
    if layout is None:
        centers = _CENTERS[0] | _CENTERS[1]
        names = [centers.get(label, label) for label in labels]
        return layout_of_names(names, where, up_axis)
    if len(layout['joints']) != len(labels):
        raise AnnotationError(
            f'{where}: the layout has {len(layout["joints"])} joints, but '
            f'there are {len(labels)} markers: {", ".join(labels)}'
        )
    return layout


def to_meters(points: np.ndarray, unit: str) -> np.ndarray:
    """Convert positions, (..., 3), to meters.

    Those at exactly 0, where some programs put what was not found, become NaN.
    Of an unknown unit they stay as they are.
    """
    missing = (points == 0).all(-1, keepdims=True)
    scale = METERS.get(unit.strip().lower(), 1.0)
    return np.where(missing, np.nan, points * scale)
