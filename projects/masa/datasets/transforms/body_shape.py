import numpy as np

from ...registry import TRANSFORMS
from .checks import require_keypoint, require_rng, require_skeleton
from .skeleton import mirror_order
from .skeleton_noise import SkeletonChange
from .skeleton_tree import skeleton_tree


@TRANSFORMS.register_module()
class ShearSkeleton(SkeletonChange):
    """Shears and stretches the skeleton, throughout a sequence alike.

    All joints of all persons and frames are multiplied by one matrix,
    ``I + std * G`` with G Gaussian: another camera, another build of body.
    The shear is the augmentation of AS-CAL (Rao et al., 2021) and CrosSCLR
    (Li et al., CVPR 2021), whose amounts are uniform and whose diagonal is 1;
    neither belongs to MASA. The joints are expected to be centred
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
    """

    def transform(self, results: dict) -> dict:
        """Shear the skeleton.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, with the joints moved.
        """
        keypoint = require_keypoint(results, self)
        rng = require_rng(results, self)
        if rng.random() >= self.prob:
            return results
        axes = keypoint.shape[-1]
        matrix = np.eye(axes) + self.std * rng.standard_normal((axes, axes))
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = keypoint.astype(dtype) @ matrix.astype(dtype)
        return results


@TRANSFORMS.register_module()
class BoneLengthNoise(SkeletonChange):
    """Gives the same movement to a body of other proportions.

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
        ValueError: If an argument is outside its range.
    """

    def transform(self, results: dict) -> dict:
        """Change the lengths of the bones.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, with the joints moved.

        Raises:
            ValueError: If the bones do not connect all joints to the trunk,
                or ``flip_pairs`` are no pairs or have a joint twice.
        """
        keypoint = require_keypoint(results, self)
        skeleton = require_skeleton(results, ['bones'], self)
        rng = require_rng(results, self)
        persons, _, joints, _ = keypoint.shape
        tree = skeleton_tree(skeleton, joints)
        order = mirror_order(skeleton.get('flip_pairs') or (), joints)
        # One factor for both joints of a pair: that of the lower number.
        source = np.minimum(order, np.arange(joints))
        if rng.random() >= self.prob:
            return results

        noise = rng.standard_normal((persons, joints))[:, source]
        factors = np.exp(self.std * noise)[:, None, :, None]
        dtype = np.result_type(keypoint.dtype, np.float32)
        keypoint = keypoint.astype(dtype, copy=False)
        factors = factors.astype(dtype)
        moved = keypoint.copy()
        for level in tree.levels:
            parents = tree.parents[level]
            moved[:, :, level] = moved[:, :, parents] + factors[
                :, :, level
            ] * (keypoint[:, :, level] - keypoint[:, :, parents])
        results['keypoint'] = moved
        return results
