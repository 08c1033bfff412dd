"""Joints of the SMPL body (Loper et al., 2015) by its rotations."""

from pathlib import Path

import numpy as np
import scipy

from ..datasets.errors import AnnotationError
from ..datasets.kinematics import forward_kinematics
from ..datasets.skeletons import SMPL_24
from ..datasets.transforms.body_model import BODY_JOINTS, BodyJoints

# Numbers of a frame: of the body of SMPL-H and SMPL-X alone, and all of SMPL,
# SMPL-H and SMPL-X. The first are the body's in each.
WIDTHS = (3 * BODY_JOINTS, 72, 156, 165)
# Where the joints of an average body are from their parents, in meters, arms
# spread: x to its left, y up, z to the front. The means over the eight people
# of UI-PRMD, of the Kinect and, for the hands, of the markers; what lies
# between two measured joints is spread evenly.
_AVERAGE = {
    'hip': (0.074, -0.036, 0),
    'knee': (0, -0.371, 0),
    'ankle': (0, -0.376, 0),
    'foot': (0, -0.05, 0.105),
    'spine1': (0, 0.133, 0),
    'spine2': (0, 0.133, 0),
    'spine3': (0, 0.133, 0),
    'neck': (0, 0.133, 0),
    'head': (0, 0.065, 0),
    'collar': (0.082, 0.093, 0),
    'shoulder': (0.083, 0, 0),
    'elbow': (0.268, 0, 0),
    'wrist': (0.243, 0, 0),
    'hand': (0.076, 0, 0),
}
_PARENTS = {joint: parent for parent, joint in SMPL_24['bones']}


def place_smpl(
    pose: np.ndarray,
    trans: np.ndarray | None = None,
    betas: np.ndarray | None = None,
    body_model: Path | None = None,
) -> np.ndarray:
    """Place the joints ``SMPL_24`` by the rotations of SMPL, SMPL-H or SMPL-X.

    Without a body model the bones are those of an average person and the
    shape does not count: joints are where the rotations put them on a body of
    other proportions.

    Args:
        pose (np.ndarray): Rotations as axis times angle in radians, that of
            the whole body first, (T, D), D one of ``WIDTHS``. Frames with NaN
            stay NaN.
        trans (np.ndarray, optional): Where the body is, in meters, (T, 3).
            Defaults to the origin.
        betas (np.ndarray, optional): The shape, (S,). Defaults to the mean.
        body_model (Path, optional): ``.npz`` of the body model. Defaults to
            the average body.

    Returns:
        np.ndarray: Positions in meters, (T, 24, 3), in the axes of ``trans``.

    Raises:
        AnnotationError: If there is no such body model, or the file is none.
    """
    bones = _bones(betas, body_model)
    whole = np.isfinite(pose).all(1)
    turns = np.full((len(pose), len(bones), 3, 3), np.nan)
    # Nothing hangs on the hands.
    turns[whole] = np.eye(3)
    turns[whole, :BODY_JOINTS] = (
        scipy.spatial.transform.Rotation.from_rotvec(
            pose[whole, : 3 * BODY_JOINTS].reshape(-1, 3)
        )
        .as_matrix()
        .reshape(-1, BODY_JOINTS, 3, 3)
    )
    parents = [_PARENTS.get(joint, -1) for joint in range(len(bones))]
    place = forward_kinematics(turns, bones, parents)
    place[~whole] = np.nan
    return place if trans is None else place + trans[:, None]


def _bones(betas: np.ndarray | None, body_model: Path | None) -> np.ndarray:
    """Return where the joints are from their parents at rest, (24, 3)."""
    bones = np.array([_average_bone(name) for name in SMPL_24['joints']])
    if body_model is None:
        return bones
    try:
        body = BodyJoints(str(body_model))
    except (FileNotFoundError, ValueError) as error:
        raise AnnotationError(' '.join(str(error).split())) from error
    shape = np.zeros(0) if betas is None else betas[: body.num_betas]
    rest = body.at_rest(shape)
    bones[0] = rest[0]
    for joint in range(1, BODY_JOINTS):
        bones[joint] = rest[joint] - rest[_PARENTS[joint]]
    return bones


def _average_bone(name: str) -> np.ndarray:
    side, _, part = name.rpartition('_')
    bone = np.array(_AVERAGE.get(part, (0, 0, 0)), np.float64)
    return bone * [-1 if side == 'right' else 1, 1, 1]
