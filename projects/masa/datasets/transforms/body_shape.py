import numpy as np

from .base import SkeletonNoise
from .checks import mirror_order, require_skeleton
from .skeleton_tree import SkeletonTree, skeleton_tree


class ShearSkeleton(SkeletonNoise):
    """Shear and stretch the skeleton, throughout a sequence alike.

    All joints of all persons and frames are multiplied by one matrix,
    ``I + std * G`` with G Gaussian: another camera, another build of body.
    The shear is the augmentation of AS-CAL (Rao et al., 2021) and CrosSCLR
    (Li et al., CVPR 2021), whose amounts are uniform and whose diagonal is 1;
    neither belongs to MASA. The joints are expected to be centered
    (:class:`NormalizeSkeleton`).

    Required Keys:

        - keypoint
        - rng

    Modified Keys:

        - keypoint

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation of the matrix's entries, not
            negative. Defaults to 0.1.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> sample = dict(keypoint=np.ones((1, 5, 17, 2)))
        >>> sample['rng'] = np.random.default_rng(0)
        >>> sheared = ShearSkeleton(prob=1.0)(sample)['keypoint']
        >>> sheared[0, 0, 0].round(2).tolist()
        [1.0, 1.01]
    """

    def change(self, keypoint, rng, results, plan) -> None:
        """Multiply the joints by a random matrix; see the base class."""
        axes = keypoint.shape[-1]
        matrix = np.eye(axes) + self.std * rng.standard_normal((axes, axes))
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = keypoint.astype(dtype) @ matrix.astype(dtype)


class BoneLengthNoise(SkeletonNoise):
    """Give the same movement to a body of other proportions.

    The length of every bone is multiplied by ``exp(std * g)`` with g
    Gaussian, one factor for a bone throughout the sequence, and the same for
    the left and the right bone of a pair. All directions stay as they are,
    and what hangs on a bone moves along. The bones are those from every joint
    to the one nearer to the trunk (:func:`skeleton_tree`); the trunk stays,
    and of bones that form a cycle the last follows its two ends. Persons get
    independent factors. Not MASA's.

    Required Keys:

        - keypoint
        - skeleton (bones, and root or torso; flip_pairs, optional)
        - rng

    Modified Keys:

        - keypoint

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation of the logarithm of a factor, not
            negative. Defaults to 0.1.

    Raises:
        ValueError: If an argument is outside its range; when called, if the
            bones do not connect all joints to the trunk, or ``flip_pairs``
            are no pairs or have a joint twice.

    Example:
        >>> skeleton = dict(bones=[[0, 1]], root=0)
        >>> joints = np.array([[[[0, 0], [3, 4]]]], float)
        >>> sample = dict(keypoint=joints, skeleton=skeleton)
        >>> sample['rng'] = np.random.default_rng(0)
        >>> moved = BoneLengthNoise(prob=1.0)(sample)['keypoint']
        >>> round(float(np.linalg.norm(moved[0, 0, 1])), 2)
        5.33
    """

    def prepare(self, keypoint, results) -> tuple[SkeletonTree, np.ndarray]:
        """Read the skeleton; see the base class."""
        skeleton = require_skeleton(results, ['bones'], self)
        joints = keypoint.shape[2]
        order = mirror_order(skeleton.get('flip_pairs') or (), joints)
        # One factor for both joints of a pair: that of the lower number.
        source = np.minimum(order, np.arange(joints))
        return skeleton_tree(skeleton, joints), source

    def change(self, keypoint, rng, results, plan) -> None:
        """Change the lengths of the bones; see the base class."""
        tree, source = plan
        persons, _, joints, _ = keypoint.shape
        noise = rng.standard_normal((persons, joints))[:, source]
        dtype = np.result_type(keypoint.dtype, np.float32)
        factors = np.exp(self.std * noise)[:, None, :, None].astype(dtype)
        keypoint = keypoint.astype(dtype, copy=False)
        moved = keypoint.copy()
        for level in tree.levels:
            parents = tree.parents[level]
            moved[:, :, level] = moved[:, :, parents] + factors[
                :, :, level
            ] * (keypoint[:, :, level] - keypoint[:, :, parents])
        results['keypoint'] = moved
