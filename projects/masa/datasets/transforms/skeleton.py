import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from .checks import (
    check_choice,
    check_range,
    joint_list,
    name_of,
    require_keypoint,
    require_rng,
    require_skeleton,
)
from .skeleton_axes import turn_each_frame, turn_upright


@TRANSFORMS.register_module()
class NormalizeSkeleton(BaseTransform):
    """Puts every skeleton at the origin, at one size and, if asked, one view.

    No frame is ever left out: unlike MMAction2's ``PreNormalize3D``, which
    drops frames of zeros, so that phases and index maps would shift. All
    persons of a sequence move together, by the first one's root and torso.

    Required Keys:

        - keypoint
        - skeleton (root; torso, its upper and its lower end; flip_pairs for
          ``rotation``)

    Modified Keys:

        - keypoint

    Args:
        center (str): ``'frame'`` puts the root of every frame at the origin,
            ``'sequence'`` the mean root of the sequence, which keeps the
            movement through the room. Defaults to ``'frame'``.
        scale (str, optional): ``'sequence'`` divides by the median length of
            the torso, ``'frame'`` by each frame's own (CASA), None by
            nothing. Defaults to ``'sequence'``: seen in 2D the torso is
            shortened when it bends toward the camera, and the body would
            grow.
        rotation (str, optional): For 3D. ``'sequence'`` turns the sequence
            about the vertical axis (y) so that the line from the right to
            the left side points along x on average; ``'frame'`` turns every
            frame so that the torso points along z and that line lies in the
            half plane of x (CASA). Defaults to None.

    Raises:
        ValueError: If an argument is none of these.
    """

    def __init__(
        self,
        center: str = 'frame',
        scale: str | None = 'sequence',
        rotation: str | None = None,
    ):
        check_choice('center', center, ('frame', 'sequence'))
        check_choice('scale', scale, ('sequence', 'frame', None))
        check_choice('rotation', rotation, ('sequence', 'frame', None))
        self.center = center
        self.scale = scale
        self.rotation = rotation

    def transform(self, results: dict) -> dict:
        """Normalise the joints.

        Args:
            results (dict): The sample.

        Returns:
            dict: The same, with joints in torso lengths about the root.

        Raises:
            KeyError: If the skeleton's description lacks a field.
            ValueError: If no frame shows a torso of any length, or a 2D
                skeleton is to be rotated. The sequence is named.
        """
        keypoint = require_keypoint(results, self)
        skeleton = require_skeleton(results, ['root', 'torso'], self)
        num_joints = keypoint.shape[2]
        points = keypoint.astype(np.float64)
        root = _mean_joint(points[0], skeleton['root'], num_joints, 'root')
        if self.center == 'sequence':
            root = root.mean(0, keepdims=True)
        points -= root[:, None]
        upper, lower = (
            _mean_joint(points[0], end, num_joints, 'torso')
            for end in skeleton['torso']
        )
        if self.scale is not None:
            points /= self._size(
                np.linalg.norm(upper - lower, axis=-1), results
            )
        if self.rotation is not None:
            if points.shape[-1] != 3:
                raise ValueError(
                    f'rotation={self.rotation!r} is for 3D, but sequence '
                    f'{name_of(results)} has joints of '
                    f'{points.shape[-1]} coordinates'
                )
            pairs = require_skeleton(results, ['flip_pairs'], self)[
                'flip_pairs'
            ]
            left, right = np.array(pairs).T
            side = (points[0][:, left] - points[0][:, right]).mean(1)
            turn = (
                turn_upright(side)
                if self.rotation == 'sequence'
                else turn_each_frame(side, upper - lower)
            )
            points = points @ turn.swapaxes(-1, -2)
        results['keypoint'] = points.astype(np.float32)
        return results

    def _size(self, torso: np.ndarray, results: dict) -> np.ndarray:
        seen = torso > 0
        if not seen.any():
            raise ValueError(
                f'sequence {name_of(results)} has a torso of length 0 in all '
                f'of its {len(torso)} frames; it cannot be scaled'
            )
        median = np.median(torso[seen])
        if self.scale == 'sequence':
            return median
        return np.where(seen, torso, median)[:, None, None]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(center={self.center!r}, '
            f'scale={self.scale!r}, rotation={self.rotation!r})'
        )


@TRANSFORMS.register_module()
class FlipSkeleton(BaseTransform):
    """Mirrors the skeleton: x changes its sign and left and right joints swap.

    CASA's code mirrors x without swapping, which turns a right hand into a
    left hand that is still called right.

    Required Keys:

        - keypoint (with the origin on the mirror's plane)
        - keypoint_score (optional)
        - skeleton (flip_pairs)
        - rng

    Modified Keys:

        - keypoint
        - keypoint_score

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3
            (Table S1).

    Raises:
        ValueError: If ``prob`` is outside its range.
    """

    def __init__(self, prob: float = 0.3):
        check_range('prob', prob, 0, 1)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Mirror the joints.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, mirrored.
        """
        keypoint = require_keypoint(results, self)
        skeleton = require_skeleton(results, ['flip_pairs'], self)
        rng = require_rng(results, self)
        if rng.random() >= self.prob:
            return results
        num_joints = keypoint.shape[2]
        order = np.arange(num_joints)
        for pair in skeleton['flip_pairs']:
            left, right = joint_list(pair, num_joints, 'flip_pairs')
            order[[left, right]] = right, left
        mirrored = keypoint[:, :, order]
        mirrored[..., 0] *= -1
        results['keypoint'] = mirrored
        if results.get('keypoint_score') is not None:
            results['keypoint_score'] = results['keypoint_score'][:, :, order]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


def _mean_joint(
    frames: np.ndarray, joints: int | list[int], num_joints: int, field: str
) -> np.ndarray:
    return frames[:, joint_list(joints, num_joints, field)].mean(1)
