import numpy as np

from ...support.argument_checks import check_range
from .base import RandomSkeletonChange
from .checks import name_of

# Where a hidden joint goes, along every axis, in torso lengths: so far off
# that no other augmentation brings it back.
HIDDEN_AT = 1000.0


class HideJoints(RandomSkeletonChange):
    """Hide random joints, as another body in front would.

    For heatmap encoders only (:class:`~masa.models.HeatmapEncoder`). A hidden
    joint is moved far outside the window that is rendered, so that its
    heatmap is empty; to an encoder of coordinates it would be an enormous
    number. Its score becomes 0.

    Every person loses a number of joints that is uniform in
    ``[1, max_joints]``, each set of as many being equally likely, and in all
    frames. It goes last among the spatial transforms: one that turns limbs
    would turn what hangs on a hidden joint about a point far off.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - rng

    Modified Keys:

        - keypoint
        - keypoint_score

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3,
            that of MASA's augmentations (Table S1).
        max_joints (int): Most joints that a person loses, 1 or more and
            fewer than there are. Defaults to 3.

    Raises:
        ValueError: If an argument is outside its range; when called, if a
            person may lose all joints.

    Example:
        >>> joints = np.zeros((1, 5, 17, 2))
        >>> sample = dict(keypoint=joints, rng=np.random.default_rng(0))
        >>> hidden = HideJoints(prob=1.0)(sample)['keypoint'] == HIDDEN_AT
        >>> int(hidden[0, 0].all(-1).sum())
        2
    """

    def __init__(self, prob: float = 0.3, max_joints: int = 3):
        super().__init__(prob)
        check_range('max_joints', max_joints, 1)
        if max_joints != int(max_joints):
            raise ValueError(
                'max_joints is expected to be a whole number, but got '
                f'{max_joints}'
            )
        self.max_joints = int(max_joints)

    def prepare(self, keypoint, results) -> None:
        """Check that a person keeps a joint; see the base class."""
        joints = keypoint.shape[2]
        if self.max_joints >= joints:
            raise ValueError(
                f'max_joints={self.max_joints} is expected to be fewer than '
                f'the joints of sequence {name_of(results)}, but these are '
                f'{joints}'
            )

    def change(self, keypoint, rng, results, plan) -> None:
        """Move joints far off; see the base class."""
        persons, _, joints, _ = keypoint.shape
        count = rng.integers(1, self.max_joints, (persons, 1), endpoint=True)
        hidden = rng.random((persons, joints)).argsort(1).argsort(1) < count
        hidden = hidden[:, None]
        keypoint = keypoint.astype(np.result_type(keypoint.dtype, np.float32))
        keypoint[np.broadcast_to(hidden, keypoint.shape[:3])] = HIDDEN_AT
        results['keypoint'] = keypoint
        score = results.get('keypoint_score')
        if score is not None:
            results['keypoint_score'] = np.where(
                hidden, score.dtype.type(0), score
            )
