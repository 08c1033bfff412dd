"""Joints that are hidden by the body itself, as in a view from the side."""

from itertools import pairwise

import numpy as np

from ..gaps import fill_invisible_joints
from ..skeletons import PENN_ACTION
from .body import JOINTS, LIMBS, SIDES

# Of the body's parts, the joints at their ends: upper arms and so on, and what
# of the trunk is between shoulders and hips.
_LIMB_PARTS = [ends for joints in LIMBS.values() for ends in pairwise(joints)]
_TRUNK_PARTS = [
    (f'{upper}_shoulder', f'{lower}_hip') for upper in SIDES for lower in SIDES
]
PARTS = np.array(
    [[JOINTS[name] for name in ends] for ends in [*_LIMB_PARTS, *_TRUNK_PARTS]]
)
# Half the width of a part, in torso lengths.
WIDTHS = np.repeat([0.1, 0.2], [len(_LIMB_PARTS), len(_TRUNK_PARTS)])
# By how much a part is nearer to the camera than a joint behind it, in meters.
MARGIN = 0.08


def find_hidden(
    flat: np.ndarray, nearness: np.ndarray, widths: np.ndarray = WIDTHS
) -> np.ndarray:
    """Find the joints that a part of the body is in front of.

    Args:
        flat (np.ndarray): Joints in the picture, in torso lengths,
            (T, 13, 2).
        nearness (np.ndarray): Their places along the axis to the camera, in
            meters, larger if nearer, (T, 13).
        widths (np.ndarray): Half the width of every part of ``PARTS``, in
            torso lengths, (P,).

    Returns:
        np.ndarray: Whether a joint is hidden, (T, 13), bool.
    """
    first, last = PARTS.T
    start = flat[:, None, first]
    along = flat[:, None, last] - start  # (T, 1, P, 2)
    offset = flat[:, :, None] - start  # (T, 13, P, 2)
    length = np.square(along).sum(-1).clip(min=1e-6)
    place = ((offset * along).sum(-1) / length).clip(0, 1)  # (T, 13, P)
    distance = np.square(offset - place[..., None] * along).sum(-1)
    near = nearness[:, None, first] * (1 - place)
    near += nearness[:, None, last] * place
    covers = distance < np.square(widths)
    covers &= near > nearness[..., None] + MARGIN
    joints = np.arange(flat.shape[1])[:, None]
    covers &= (joints != first) & (joints != last)
    return covers.any(-1)


def hide_joints(
    flat: np.ndarray,
    nearness: np.ndarray,
    score: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Take hidden joints away, and fill them in as converters do.

    Args:
        flat (np.ndarray): As in :func:`find_hidden`.
        nearness (np.ndarray): As there.
        score (np.ndarray): 0 for a joint that is missing, else 1, (T, 13).
        rng (np.random.Generator): Draws how wide the body is.

    Returns:
        tuple[np.ndarray, np.ndarray]: Joints and scores. A hidden joint has
        score 0, and its place is found by
        :func:`~masa.datasets.gaps.fill_invisible_joints`.
    """
    widths = WIDTHS * rng.uniform(0.5, 1.5)
    seen = (score > 0) & ~find_hidden(flat, nearness, widths)
    if not seen.any():
        return flat, score
    pairs = PENN_ACTION['flip_pairs']
    return fill_invisible_joints(flat, seen, pairs, None), score * seen
