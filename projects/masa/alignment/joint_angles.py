from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..datasets.parts import Part, stack_parts
from ..datasets.people import find_joints
from ..datasets.skeletons import PENN_ACTION
from ..datasets.transforms import NormalizeSkeleton, SelectBodyJoints
from ..datasets.transforms.body_joints import (
    NEEDED,
    find_body_joints,
    turn_y_up,
)
from ..embeddings import EmbeddedSequence

JOINTS = tuple(PENN_ACTION['joints'])
# The two neighbors of the joint at whose angle a limb is bent.
_BENDS = {
    f'{side}_{joint}': (f'{side}_{before}', f'{side}_{after}')
    for joint, before, after in (
        ('elbow', 'shoulder', 'wrist'),
        ('knee', 'hip', 'ankle'),
    )
    for side in ('left', 'right')
}


class BodyMotion(NamedTuple):
    """Angles and positions of a body, comparable between people.

    Attributes:
        angles (dict[str, np.ndarray]): Of :func:`joint_angles`, (T,) each.
        joints (np.ndarray): Positions of the 13 ``JOINTS`` from the middle of
            the hips, in torso lengths, (T, 13, C), NaN where a joint was not
            seen. x, to the person's left in 3D and to the right of the picture
            in 2D; y, up; z, to the front.
    """

    angles: dict[str, np.ndarray]
    joints: np.ndarray


def has_body(sequence: EmbeddedSequence) -> bool:
    """Return whether a sequence has joints with shoulders and hips.

    Args:
        sequence (EmbeddedSequence): The sequence.

    Returns:
        bool: Whether :func:`body_joints` can be called.
    """
    if sequence.keypoint is None or sequence.skeleton is None:
        return False
    sources = find_body_joints(sequence.skeleton.get('joints', ()))
    return all(sources[joint] for joint in NEEDED)


def body_motion(sequence: EmbeddedSequence) -> BodyMotion:
    """Compute the angles and the normalized positions of a body's joints.

    Args:
        sequence (EmbeddedSequence): As for :func:`body_joints`.

    Returns:
        BodyMotion: The angles, in degrees, and positions, in torso lengths.

    Raises:
        ValueError: As for :func:`body_joints`.
    """
    joints = body_joints(sequence)
    return BodyMotion(joint_angles(joints), joints)


def body_joints(sequence: EmbeddedSequence) -> np.ndarray:
    """Compute the normalized positions of a body's joints.

    Any layout is mapped to 13 joints
    (:class:`~masa.datasets.transforms.SelectBodyJoints`), which are centered
    and scaled, 3D ones also turned to face one way on the whole
    (:class:`~masa.datasets.transforms.NormalizeSkeleton`).

    Args:
        sequence (EmbeddedSequence): Of one person, for whom :func:`has_body`
            is true. Joints are missing where their score is 0 or a coordinate
            is NaN.

    Returns:
        np.ndarray: (T, 13, C), ``joints`` of :class:`BodyMotion`.

    Raises:
        ValueError: If there are several people, the hips are never seen, 3D
            joints do not say which way is up or the body does not face one
            way on the whole.
    """
    return _normalize(select_body(sequence))


def joints_of_parts(body: dict, parts: Sequence[Part]) -> list[np.ndarray]:
    """Compute the normalized positions of a body's joints in parts.

    Each part is centered, scaled and turned as if it were all there is.

    Args:
        body (dict): Of :func:`select_body`.
        parts (Sequence[Part]): First frame of every part, and the one after
            its last.

    Returns:
        list[np.ndarray]: (T_i, 13, C) each, ``joints`` of
        :class:`BodyMotion`.

    Raises:
        ValueError: As for :func:`body_joints`.
    """
    found: list = [None] * len(parts)
    for places, stack in stack_parts(body, parts):
        for place, joints in zip(places, _normalize(stack), strict=True):
            found[place] = joints
    return found


def flatten_joints(joints: np.ndarray) -> np.ndarray:
    """Put the coordinates of a frame's joints into one vector.

    Missing joints are interpolated between the frames that have them, and are
    0 where none has.

    Args:
        joints (np.ndarray): Of :func:`body_joints`, (T, V, C), NaN where a
            joint is missing.

    Returns:
        np.ndarray: (T, V * C).

    Example:
        >>> import numpy as np
        >>> joints = np.array([1, np.nan, 3, np.nan])[:, None, None]
        >>> flatten_joints(joints).ravel().tolist()
        [1.0, 2.0, 3.0, 3.0]
    """
    flat = joints.reshape(len(joints), -1).copy()
    missing = np.isnan(flat)
    frames = np.arange(len(flat))
    for i in np.flatnonzero(missing.any(0)):
        seen = ~missing[:, i]
        flat[:, i] = (
            np.interp(frames, frames[seen], flat[seen, i]) if seen.any() else 0
        )
    return flat


def select_body(sequence: EmbeddedSequence) -> dict:
    """Select the 13 joints of a sequence, and turn 3D ones y up.

    Args:
        sequence (EmbeddedSequence): As for :func:`body_joints`.

    Returns:
        dict: A sample with ``keypoint``, (1, T, 13, C) float64, and
        ``keypoint_score``, (1, T, 13), 0 where a joint is missing.

    Raises:
        ValueError: If there are several people, or 3D joints do not say which
            way is up.
    """
    keypoint = np.array(sequence.keypoint, dtype=np.float64)[None]
    names = sequence.skeleton['joints']
    if keypoint.shape[2] != len(names):
        raise ValueError(
            f'{sequence.name} is expected to show one person of '
            f'{len(names)} joints, but has {keypoint.shape[2]}: choose one '
            'with SelectPerson in the pipeline'
        )
    missing = np.isnan(keypoint).any(-1)
    keypoint[missing] = 0
    score = (
        find_joints(keypoint)
        if sequence.keypoint_score is None
        else np.asarray(sequence.keypoint_score)[None]
    )
    sample = dict(
        frame_dir=sequence.name,
        keypoint=keypoint,
        keypoint_score=np.where(missing, 0, score).astype(np.float64),
        skeleton=sequence.skeleton,
    )
    sample = SelectBodyJoints()(sample)
    if keypoint.shape[-1] == 3:
        up_axis = sequence.skeleton.get('up_axis')
        if up_axis is None:
            raise ValueError(
                f'the skeleton of {sequence.name} is expected to have '
                "'up_axis', which way is up in 3D"
            )
        sample['keypoint'] = turn_y_up(sample['keypoint'], up_axis)
    return sample


def _normalize(sample: dict) -> np.ndarray:
    """Center, scale and in 3D turn a body: (T, 13, C), of stacks with N."""
    is_flat = sample['keypoint'].shape[-1] == 2
    rotation = None if is_flat else 'sequence'
    sample = NormalizeSkeleton(rotation=rotation, up_axis='y')(sample)
    joints = sample['keypoint'][..., 0, :, :, :]
    if is_flat:
        # In the picture y points down.
        joints = joints * [1, -1]
    joints[sample['keypoint_score'][..., 0, :, :] <= 0] = np.nan
    return joints


def other_side(joint: str) -> str:
    """Name the joint of the other side of the body.

    Args:
        joint (str): Such as ``left_knee``.

    Returns:
        str: Such as ``right_knee``; a joint of no side as it is.
    """
    side, _, rest = joint.partition('_')
    other = dict(left='right', right='left').get(side)
    return joint if other is None else f'{other}_{rest}'


def joint_angles(joints: np.ndarray) -> dict[str, np.ndarray]:
    """Compute how far a body's joints are bent.

    Elbows and knees are 0 when straight, hips when the thigh is in line with
    the trunk, and shoulders when the upper arm hangs along it. The lean of
    the trunk is its angle to the vertical: ``trunk_forward`` and
    ``trunk_side``, positive to the person's left, in 3D; ``trunk_picture``,
    positive to the right of the picture, in 2D, where all angles are those in
    the picture.

    Args:
        joints (np.ndarray): The 13 joints of Penn Action, x to the person's
            left (in 2D to the right of the picture), y up, z to the front;
            NaN where a joint is missing, (T, 13, 2 or 3).

    Returns:
        dict[str, np.ndarray]: Degrees by name, (T,) float64 each; NaN where a
        joint is missing or two coincide. Leans are in [-90, 90], others in
        [0, 180].

    Example:
        >>> joints = np.full((1, 13, 2), np.nan)
        >>> joints[0, [1, 3, 5]] = [[0, 2], [0, 1], [1, 1]]
        >>> joint_angles(joints)['left_elbow'].tolist()
        [90.0]
    """
    joints = np.asarray(joints, dtype=np.float64)
    at = {name: joints[:, i] for i, name in enumerate(JOINTS)}
    shoulders = (at['left_shoulder'] + at['right_shoulder']) / 2
    hips = (at['left_hip'] + at['right_hip']) / 2
    trunk = shoulders - hips
    angles = {
        joint: _between(at[joint] - at[before], at[after] - at[joint])
        for joint, (before, after) in _BENDS.items()
    }
    for side in ('left', 'right'):
        arm = at[f'{side}_elbow'] - at[f'{side}_shoulder']
        thigh = at[f'{side}_knee'] - at[f'{side}_hip']
        angles[f'{side}_shoulder'] = _between(arm, -trunk)
        angles[f'{side}_hip'] = _between(thigh, -trunk)
    with np.errstate(invalid='ignore', divide='ignore'):
        lean = trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)
    leans = np.degrees(np.arcsin(lean.clip(-1, 1)))
    if joints.shape[-1] == 3:
        angles['trunk_forward'] = leans[:, 2]
        angles['trunk_side'] = leans[:, 0]
    else:
        angles['trunk_picture'] = leans[:, 0]
    return angles


def _between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles between vectors, in degrees; NaN where one has no length."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    with np.errstate(invalid='ignore', divide='ignore'):
        cosine = np.einsum('td,td->t', first, second) / lengths
    return np.degrees(np.arccos(cosine.clip(-1, 1)))
