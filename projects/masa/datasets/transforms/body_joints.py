import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ...support.argument_checks import check_choice
from ..people import find_joints
from ..skeletons import PENN_ACTION, UP_AXES
from .base import SequenceTransform
from .checks import (
    joint_list,
    name_of,
    require_keypoint,
    require_skeleton,
)

# Markers on the knee, by side; the inner ones are often taken off.
_KNEE = {
    side: (
        *((f'{s}KNE',), (f'{s}LFC', f'{s}MFC'), (f'{s}LFC',)),
        *((f'{side}_knee_lat', f'{side}_knee_med'), (f'{side}_knee_lat',)),
    )
    for side, s in (('left', 'L'), ('right', 'R'))
}
# What stands for a joint that a layout does not have by its own name: the
# first of these whose joints it has all; their mean.
STAND_INS = {
    'head': (
        ('left_ear', 'right_ear'),
        ('nose',),
        ('neck',),
        ('LFHD', 'RFHD', 'LBHD', 'RBHD'),
        ('top_head',),
    ),
    **{
        f'{side}_{joint}': choices
        for side, s in (('left', 'L'), ('right', 'R'))
        for joint, choices in dict(
            shoulder=(
                *((f'{s}SJC',), (f'{s}SHO',), (f'{s}ACR',)),
                *((f'{side}_acromion',), (f'{side}_acromium',)),
            ),
            elbow=(
                *((f'{s}EJC',), (f'{s}ELB',)),
                *((f'{s}LEL', f'{s}MEL'), (f'{s}LEL',)),
            ),
            wrist=(
                *((f'{side}_hand',), (f'{s}WJC',), (f'{s}WRA', f'{s}WRB')),
                (f'{s}FAradius', f'{s}FAulna'),
            ),
            # Below the markers on the pelvis, by a seventh of the way to the
            # knee.
            hip=(
                (f'{s}HJC',),
                *(
                    (*markers * 3 * len(knee), *knee)
                    for markers in (
                        (f'{s}ASI', f'{s}PSI'),
                        (f'{side}_asis', f'{side}_psis'),
                    )
                    for knee in _KNEE[side]
                ),
            ),
            knee=((f'{s}KJC',), *_KNEE[side]),
            ankle=(
                *((f'{side}_foot',), (f'{side}_heel',)),
                *((f'{s}AJC',), (f'{s}ANK',)),
                *((f'{s}LMAL', f'{s}MMAL'), (f'{s}LMAL',)),
                (f'{side}_ankle_lat', f'{side}_ankle_med'),
                (f'{side}_ankle_lat',),
            ),
        ).items()
    },
}
# Without these nothing can be normalized.
NEEDED = ('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')


class SelectBodyJoints(SequenceTransform):
    """Map the joints of any body to the 13 of Penn Action, by their names.

    The head is where the layout has it, else between the ears, else at the
    nose; ankles and wrists may be feet and hands; the markers of Plug-in Gait
    and of OpenSim's gait models stand for the joints that they are on or
    around. A joint that the layout
    does not have is missing: it has score 0 and is put at the middle of the
    hips. A joint of several others has the lowest of their scores. Without
    scores, joints at exactly 0 are missing, as in MMAction2's files.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - skeleton (joints, up_axis where known)

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
        skeleton = require_skeleton(results, ['joints'], self)
        names = skeleton['joints']
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
            score = find_joints(keypoint).astype(np.float32)
        hips = [*sources['left_hip'], *sources['right_hip']]
        joints, scores = [], []
        for indices in sources.values():
            # Of missing joints, any place.
            if len(indices) == 1:
                joints.append(keypoint[:, :, indices[0]])
                scores.append(score[:, :, indices[0]])
                continue
            joints.append(keypoint[:, :, indices or hips].mean(2))
            scores.append(
                score[:, :, indices].min(2)
                if indices
                else np.zeros_like(score[:, :, 0])
            )
        results['keypoint'] = np.stack(joints, 2).astype(keypoint.dtype)
        results['keypoint_score'] = np.stack(scores, 2)
        results['skeleton'] = PENN_ACTION | {
            'up_axis': skeleton.get('up_axis')
        }
        return results


def find_body_joints(names: Sequence[str]) -> dict[str, list[int]]:
    """Find the joints of a layout that the 13 of Penn Action are made of.

    Args:
        names (Sequence[str]): Names of the layout's joints.

    Returns:
        dict[str, list[int]]: By the name of each of the 13, the joints whose
        mean it is; empty where the layout has none.
    """
    return dict(_find_body_joints(tuple(names)))


@lru_cache(maxsize=64)
def _find_body_joints(names: tuple[str, ...]) -> dict[str, list[int]]:
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
    person faces it, on average over the sequence. Of a body that is upside
    down on the whole, a warning says that y may point the other way, or the
    video be upside down.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - skeleton (torso, optional; for 3D flip_pairs and, where known,
          up_axis)
        - video, is_part (optional; for the warning, which is not for parts
          of a sequence)

    Modified Keys:

        - keypoint (2D, y down)

    Args:
        yaw (float): Direction of the camera, degrees; positive sees the
            person's right. Defaults to 30.
        up_axis (str, optional): Which way is up where the skeleton does not
            say: ``'y'``, ``'-y'`` (as in images and cameras) or ``'z'``.
            Defaults to None, an error.

    Raises:
        ValueError: If ``up_axis`` is unknown; when called, if 3D joints do
            not say which way is up.

    Example:
        >>> sample = dict(
        ...     keypoint=np.ones((1, 5, 13, 3)), skeleton=PENN_ACTION
        ... )
        >>> ProjectSkeleton(up_axis='z')(sample)['keypoint'].shape
        (1, 5, 13, 2)
    """

    takes_stacks = True

    def __init__(self, yaw: float = 30.0, up_axis: str | None = None):
        check_choice('up_axis', up_axis, (None, *UP_AXES))
        self.yaw = yaw
        self.up_axis = up_axis

    def transform(self, results: dict) -> dict:
        """Project the joints of a sample."""
        keypoint = require_keypoint(results, self)
        if keypoint.shape[-1] == 3:
            results['keypoint'] = self._project(keypoint, results)
        _warn_if_upside_down(results)
        return results

    def _project(self, keypoint: np.ndarray, results: dict) -> np.ndarray:
        skeleton = require_skeleton(results, ['flip_pairs'], self)
        up_axis = skeleton.get('up_axis') or self.up_axis
        if up_axis is None:
            raise ValueError(
                f'the joints of sequence {name_of(results)} are 3D and do not '
                'say which way is up: give --up-axis (in Python up_axis), or '
                "up_axis in the annotation file's skeleton, one of "
                f'{", ".join(UP_AXES)}; if the third number is a score, it '
                'belongs into keypoint_score'
            )
        x, y, z = np.moveaxis(turn_y_up(keypoint, up_axis), -1, 0)
        left, right = np.transpose(skeleton['flip_pairs'])
        score = results.get('keypoint_score')
        seen = find_joints(keypoint) if score is None else score > 0
        both = seen[..., 0, :, left] & seen[..., 0, :, right]

        def from_right(axis: np.ndarray) -> np.ndarray:
            apart = axis[..., 0, :, left] - axis[..., 0, :, right]
            # Pairs come first, whatever the other axes are.
            return np.sum(apart, axis=(0, -1), where=both)

        # Whoever faces the viewer has the left at the viewer's right.
        angle = np.arctan2(from_right(z), from_right(x))
        angle = (angle + np.radians(self.yaw))[..., None, None, None]
        flat = np.cos(angle) * x + np.sin(angle) * z
        return np.stack([flat, -y], -1).astype(keypoint.dtype)


def _warn_if_upside_down(results: dict) -> None:
    torso = (results.get('skeleton') or {}).get('torso')
    # In a part of it, somebody may well stand on the hands.
    if torso is None or results.get('is_part'):
        return
    body = results['keypoint'][..., 0, :, :, :]
    upper, lower = (
        body[..., joint_list(end, body.shape[-2], 'torso'), :].mean(-2)
        for end in torso
    )
    # y points down; a body that lies has no side up.
    up = lower - upper
    if ((up[..., 1] < 0).mean(-1) < 0.5).all():
        return
    length = np.median(np.linalg.norm(up, axis=-1), axis=-1)
    if (np.median(up[..., 1], axis=-1) < -length / 2).any():
        advice = (
            'if the picture of the video is, turn it first (ffmpeg -i IN.mp4 '
            '-vf hflip,vflip OUT.mp4)'
            if results.get('video')
            else '2D joints are expected y down, as in images (negate y if '
            'it points up), and of 3D joints --up-axis (in Python up_axis) '
            'says which way is up'
        )
        warnings.warn(
            f'the body of sequence {name_of(results)} is upside down most of '
            f'the time: {advice}',
            stacklevel=3,
        )
