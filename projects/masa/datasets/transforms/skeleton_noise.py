import numpy as np

from .base import SmoothSkeletonNoise
from .checks import require_skeleton
from .noise import smooth_noise
from .skeleton_tree import SkeletonTree, skeleton_tree


class TranslateSkeleton(SmoothSkeletonNoise):
    """Translate the whole skeleton, smoothly in time.

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

    Example:
        >>> joints = np.zeros((1, 5, 17, 2))
        >>> sample = dict(keypoint=joints, rng=np.random.default_rng(0))
        >>> moved = TranslateSkeleton(prob=1.0)(sample)['keypoint']
        >>> moved[0, 0, 0].round(2).tolist()
        [0.02, 0.08]
    """

    def change(self, keypoint, rng, results, plan) -> None:
        """Move all joints by one offset a frame; see the base class."""
        frames, axes = keypoint.shape[1], keypoint.shape[3]
        offset = self.std * smooth_noise(
            rng, frames, (axes,), self.smoothness * frames
        )
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = keypoint + offset[:, None].astype(dtype)


class JointAngleNoise(SmoothSkeletonNoise):
    """Turn the limbs about their joints, keeping the bones' lengths.

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
        ValueError: If an argument is outside its range; when called, if the
            bones do not connect all joints to the trunk.

    Example:
        >>> skeleton = dict(bones=[[0, 1]], root=0)
        >>> joints = np.array([[[[0, 0], [3, 4]]]], float)
        >>> sample = dict(keypoint=joints, skeleton=skeleton)
        >>> sample['rng'] = np.random.default_rng(0)
        >>> moved = JointAngleNoise(prob=1.0)(sample)['keypoint']
        >>> round(float(np.linalg.norm(moved[0, 0, 1])), 2)
        5.0
    """

    def __init__(
        self, prob: float = 0.3, std: float = 10.0, smoothness: float = 1.0
    ):
        super().__init__(prob, std, smoothness)

    def prepare(self, keypoint, results) -> SkeletonTree:
        """Read the skeleton; see the base class."""
        skeleton = require_skeleton(results, ['bones'], self)
        return skeleton_tree(skeleton, keypoint.shape[2])

    def change(self, keypoint, rng, results, plan) -> None:
        """Turn the limbs; see the base class."""
        tree = plan
        persons, frames, joints, axes = keypoint.shape
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
