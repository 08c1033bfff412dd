import warnings
from collections.abc import Sequence

import numpy as np
import scipy

from ..embeddings import EmbeddedSequence
from .joint_angles import JOINTS, body_motion
from .joint_difference import DEGREES, TORSOS
from .timing import nanmean


def body_values(
    sequence: EmbeddedSequence,
) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Compute all angles and positions of a body.

    Args:
        sequence (EmbeddedSequence): As for :func:`.joint_angles.body_joints`.

    Returns:
        tuple[list[tuple[str, str, str]], np.ndarray]: Joint, measure and unit
        of each, as of :class:`JointDifference`; and their values, (T, F), NaN
        where unseen.

    Raises:
        ValueError: As for :func:`.joint_angles.body_joints`.
    """
    body = body_motion(sequence)
    names = []
    for name in body.angles:
        joint, _, direction = name.partition('_')
        if joint == 'trunk':
            if direction == 'picture':
                direction = 'in the picture'
            names.append((joint, f'lean {direction}', DEGREES))
        else:
            raised = direction == 'shoulder'
            names.append((name, 'raise' if raised else 'bend', DEGREES))
    axes = 'xyz'[: body.joints.shape[-1]]
    names += [(joint, axis, TORSOS) for joint in JOINTS for axis in axes]
    flat = body.joints.reshape(len(body.joints), -1)
    return names, np.column_stack([*body.angles.values(), flat])


def check_dimensions(sequences: Sequence[EmbeddedSequence]) -> None:
    """Raise a ValueError if 2D and 3D joints are mixed."""
    kinds = {one.keypoint.shape[-1]: one.name for one in sequences}
    if len(kinds) > 1:
        raise ValueError(
            f'joints are expected all in 2D or all in 3D, but {kinds[2]} is '
            f'2D and {kinds[3]} is 3D'
        )


def mean_at(
    values: list[np.ndarray], matches: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation at matched frames, (T, F) each."""
    matched = np.stack(
        [one[frames] for one, frames in zip(values, matches, strict=True)]
    )
    if len(matched) == 1:
        return matched[0], np.zeros_like(matched[0])
    with warnings.catch_warnings():
        # Where one reference at most shows the joint.
        warnings.simplefilter('ignore', RuntimeWarning)
        spread = np.nanstd(matched, axis=0, ddof=1)
    return nanmean(matched, 0), spread


def ranges_of(values: np.ndarray) -> np.ndarray:
    """From the 5th to the 95th percentile of what is known, (F,)."""
    ends = [
        np.percentile(column[known], [5, 95]) if known.any() else [np.nan] * 2
        for column, known in zip(values.T, ~np.isnan(values.T), strict=True)
    ]
    return np.ptp(ends, axis=1)


def largest_difference(difference: np.ndarray) -> int:
    """Frame of the largest difference that lasts for several frames."""
    known = ~np.isnan(difference)
    # A single frame may be a mistake of a pose estimator.
    size = np.abs(
        scipy.ndimage.median_filter(np.where(known, difference, 0), 5)
    )
    return int(np.where(known, size, -1).argmax())
