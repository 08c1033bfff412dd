from collections.abc import Sequence

import numpy as np

from ...support.argument_checks import check_choice
from ..skeletons import PENN_ACTION
from .base import SequenceTransform
from .checks import name_of, require_keypoint, require_skeleton

# What stands for a joint that a layout does not have by its own name: the
# first of these whose joints it has all; their mean.
STAND_INS = {
    'head': (('left_ear', 'right_ear'), ('nose',), ('neck',)),
    'left_wrist': (('left_hand',),),
    'right_wrist': (('right_hand',),),
    'left_ankle': (('left_foot',), ('left_heel',)),
    'right_ankle': (('right_foot',), ('right_heel',)),
}
UP_AXES = ('y', '-y', 'z')
# Without these nothing can be normalized.
NEEDED = ('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')


class SelectBodyJoints(SequenceTransform):
    """Map the joints of any body to the 13 of Penn Action, by their names.

    The head is where the layout has it, else between the ears, else at the
    nose; ankles and wrists may be feet and hands. A joint that the layout
    does not have is missing: it has score 0 and is put at the middle of the
    hips. A joint of several others has the lowest of their scores.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - skeleton (joints)

    Modified Keys:

        - keypoint
        - keypoint_score
        - skeleton

    Raises:
        ValueError: When called, if the layout has no shoulders or hips, or
            not as many joints as there are.

    Example:
        >>> from masa.datasets.skeletons import COCO_17
        >>> sample = dict(keypoint=np.ones((1, 5, 17, 2)), skeleton=COCO_17)
        >>> SelectBodyJoints()(sample)['keypoint'].shape
        (1, 5, 13, 2)
    """

    def transform(self, results: dict) -> dict:
        """Map the joints of a sample."""
        keypoint = require_keypoint(results, self)
        names = require_skeleton(results, ['joints'], self)['joints']
        if len(names) != keypoint.shape[2]:
            raise ValueError(
                f'the skeleton of sequence {name_of(results)} is expected to '
                f'name its {keypoint.shape[2]} joints, but names {len(names)}'
            )
        sources = find_body_joints(names)
        lacking = [name for name in NEEDED if not sources[name]]
        if lacking:
            raise ValueError(
                f'the skeleton of sequence {name_of(results)} is expected to '
                f'be a body, but has no {", ".join(lacking)}: its joints are '
                f'{", ".join(names)}'
            )
        score = results.get('keypoint_score')
        if score is None:
            score = np.ones(keypoint.shape[:3], dtype=np.float32)
        hips = [*sources['left_hip'], *sources['right_hip']]
        joints, scores = [], []
        for indices in sources.values():
            # Of missing joints, any place.
            joints.append(keypoint[:, :, indices or hips].mean(2))
            scores.append(
                score[:, :, indices].min(2)
                if indices
                else np.zeros_like(score[:, :, 0])
            )
        results['keypoint'] = np.stack(joints, 2).astype(keypoint.dtype)
        results['keypoint_score'] = np.stack(scores, 2)
        results['skeleton'] = PENN_ACTION
        return results


def find_body_joints(names: Sequence[str]) -> dict[str, list[int]]:
    """Find the joints of a layout that the 13 of Penn Action are made of.

    Args:
        names (Sequence[str]): Names of the layout's joints.

    Returns:
        dict[str, list[int]]: By the name of each of the 13, the joints whose
        mean it is; empty where the layout has none.
    """
    index = {name: i for i, name in enumerate(names)}
    found = {}
    for joint in PENN_ACTION['joints']:
        choices = ((joint,), *STAND_INS.get(joint, ()))
        found[joint] = next(
            (
                [index[name] for name in choice]
                for choice in choices
                if all(name in index for name in choice)
            ),
            [],
        )
    return found


def turn_y_up(keypoint: np.ndarray, up_axis: str) -> np.ndarray:
    """Turn 3D joints so that y points up.

    Args:
        keypoint (np.ndarray): (..., 3), right-handed.
        up_axis (str): Which way is up: one of ``UP_AXES``.

    Returns:
        np.ndarray: (..., 3): x, right; y, up; z, toward the viewer.
    """
    x, y, z = np.moveaxis(keypoint, -1, 0)
    axes = {'y': (x, y, z), '-y': (x, -y, -z), 'z': (x, z, -y)}
    return np.stack(axes[up_axis], -1)


class ProjectSkeleton(SequenceTransform):
    """View a 3D skeleton by a virtual camera; 2D joints stay as they are.

    The camera is level, far away, and turned by ``yaw`` from where the
    person faces it, on average over the sequence.

    Required Keys:

        - keypoint
        - skeleton (flip_pairs, for 3D)

    Modified Keys:

        - keypoint (2D, y down)

    Args:
        yaw (float): Direction of the camera, degrees; positive sees the
            person's left. Defaults to 30.
        up_axis (str): Which way is up: ``'y'``, ``'-y'`` (as in images and
            cameras) or ``'z'``. Defaults to ``'-y'``.

    Raises:
        ValueError: If ``up_axis`` is unknown.

    Example:
        >>> sample = dict(
        ...     keypoint=np.ones((1, 5, 13, 3)), skeleton=PENN_ACTION
        ... )
        >>> ProjectSkeleton()(sample)['keypoint'].shape
        (1, 5, 13, 2)
    """

    def __init__(self, yaw: float = 30.0, up_axis: str = '-y'):
        check_choice('up_axis', up_axis, UP_AXES)
        self.yaw = yaw
        self.up_axis = up_axis

    def transform(self, results: dict) -> dict:
        """Project the joints of a sample."""
        keypoint = require_keypoint(results, self)
        if keypoint.shape[-1] == 2:
            return results
        pairs = require_skeleton(results, ['flip_pairs'], self)['flip_pairs']
        x, y, z = np.moveaxis(turn_y_up(keypoint, self.up_axis), -1, 0)
        left, right = np.transpose(pairs)
        across = (x[0][:, left] - x[0][:, right]).mean()
        along = (z[0][:, left] - z[0][:, right]).mean()
        # Whoever faces the viewer has the left at the viewer's right.
        angle = np.arctan2(along, across) + np.radians(self.yaw)
        flat = np.cos(angle) * x + np.sin(angle) * z
        results['keypoint'] = np.stack([flat, -y], -1).astype(keypoint.dtype)
        return results
