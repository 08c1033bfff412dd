import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ...support.argument_checks import check_range
from .checks import (
    require_keypoint,
    require_rng,
    require_skeleton,
)
from .skeleton_tree import skeleton_tree
from .smooth_noise import smooth_noise


class SkeletonChange(BaseTransform):
    """What is common to random changes of a skeleton.

    Args:
        prob (float): Probability of any change, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation, not negative. Defaults to 0.1.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(self, prob: float = 0.3, std: float = 0.1):
        check_range('prob', prob, 0, 1)
        check_range('std', std, 0)
        self.prob = prob
        self.std = std

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, std={self.std})'


class SkeletonNoise(SkeletonChange):
    """What is common to random noise that is smooth in time.

    Args:
        prob (float): Probability of any noise, in [0, 1].
        std (float): Standard deviation, not negative.
        smoothness (float): Share of the sequence over which the correlation
            falls to about one half, above 0.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(self, prob: float, std: float, smoothness: float):
        super().__init__(prob, std)
        check_range('smoothness', smoothness, 0, open_low=True)
        self.smoothness = smoothness

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, std={self.std}, '
            f'smoothness={self.smoothness})'
        )


@TRANSFORMS.register_module()
class TranslateSkeleton(SkeletonNoise):
    """Moves the whole skeleton about, smoothly in time.

    All joints of all persons are moved by one offset per frame and axis,
    Gaussian with the same standard deviation at every frame
    (:func:`smooth_noise`). The paper gives the probability and the standard
    deviation (Table S1); CASA's code, which it follows, adds independent
    noise to every joint and frame instead, which is jitter and no
    translation.

    Required Keys:

        - keypoint
        - rng

    Modified Keys:

        - keypoint

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation along each axis in the units of the
            skeleton: torso lengths after :class:`NormalizeSkeleton`. Not
            negative. Defaults to 0.1.
        smoothness (float): Share of the sequence over which the correlation
            of the offsets falls to about one half, above 0. Defaults to 1.0:
            mostly an offset with a slow drift, as CASA's covariance, whose
            first and last frames have the correlation 0.5.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self, prob: float = 0.3, std: float = 0.1, smoothness: float = 1.0
    ):
        super().__init__(prob, std, smoothness)

    def transform(self, results: dict) -> dict:
        """Move the skeleton.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, with the joints moved.
        """
        keypoint = require_keypoint(results, self)
        rng = require_rng(results, self)
        if rng.random() >= self.prob:
            return results
        frames, axes = keypoint.shape[1], keypoint.shape[3]
        offset = self.std * smooth_noise(
            rng, frames, (axes,), self.smoothness * frames
        )
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = keypoint + offset[:, None].astype(dtype)
        return results


@TRANSFORMS.register_module()
class JointAngleNoise(SkeletonNoise):
    """Turns the limbs about their joints, keeping the bones' lengths.

    Only joint positions are needed, no body model. Every limb bone turns
    about the joint nearer to the trunk by a random angle, Gaussian with the
    same standard deviation at every frame (:func:`smooth_noise`), and takes
    all that hangs on it along. In the plane the angle is that of the plane;
    in space it is about an axis drawn once for each bone, uniformly over all
    directions. The trunk, and bones that form a cycle, stay rigid
    (:func:`skeleton_tree`). Persons get independent noise.

    The paper gives the probability and the standard deviation (Table S1) and
    follows CASA, whose code draws the angles but never applies them.

    Required Keys:

        - keypoint
        - skeleton (bones, and root or torso)
        - rng

    Modified Keys:

        - keypoint

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation of each bone's angle in degrees, not
            negative. Defaults to 10.0.
        smoothness (float): Share of the sequence over which the correlation
            of an angle falls to about one half, above 0. Defaults to 1.0:
            mostly another posture with a slow drift, as CASA's covariance.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self, prob: float = 0.3, std: float = 10.0, smoothness: float = 1.0
    ):
        super().__init__(prob, std, smoothness)

    def transform(self, results: dict) -> dict:
        """Turn the limbs.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, with the joints moved.

        Raises:
            ValueError: If the bones do not connect all joints to the trunk.
        """
        keypoint = require_keypoint(results, self)
        skeleton = require_skeleton(results, ['bones'], self)
        rng = require_rng(results, self)
        persons, frames, joints, axes = keypoint.shape
        tree = skeleton_tree(skeleton, joints)
        if rng.random() >= self.prob:
            return results

        angles = np.zeros((joints, persons, frames))
        angles[tree.turns] = np.radians(self.std) * smooth_noise(
            rng,
            frames,
            (int(tree.turns.sum()), persons),
            self.smoothness * frames,
        ).transpose(1, 2, 0)
        if axes == 2:
            turns = _turns_in_plane(angles)
        else:
            turns = _turns_in_space(
                angles, rng.standard_normal((3, joints, persons, 1))
            )

        # Frames last and axes first: few long loops for NumPy, not many
        # small matrix products.
        moved = keypoint.transpose(3, 2, 0, 1).astype(np.float64)
        offsets = moved - moved[:, tree.parents]
        for level in tree.levels:
            parents = tree.parents[level]
            # The bone's own turn first, then all turns nearer to the trunk.
            turns[:, :, level] = _product(
                turns[:, :, parents], turns[:, :, level]
            )
            moved[:, level] = (
                moved[:, parents]
                + _product(turns[:, :, level], offsets[:, None, level])[:, 0]
            )
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = np.ascontiguousarray(
            moved.transpose(2, 3, 1, 0), dtype=dtype
        )
        return results


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Matrix products of ``(a, b, ...)`` and ``(b, c, ...)``."""
    return (left[:, :, None] * right[None]).sum(1)


def _turns_in_plane(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices ``(2, 2, ...)`` of angles ``(...)``."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([cos, -sin, sin, cos]).reshape(2, 2, *angles.shape)


def _turns_in_space(angles: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Rotation matrices ``(3, 3, ...)`` by Rodrigues' formula."""
    x, y, z = axes / np.linalg.norm(axes, axis=0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero])
    cross = cross.reshape(3, 3, *x.shape)
    turns = np.sin(angles) * cross
    turns += (1 - np.cos(angles)) * _product(cross, cross)
    for axis in range(3):
        turns[axis, axis] += 1
    return turns
