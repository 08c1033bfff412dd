from typing import Protocol

import numpy as np

from ...support.argument_checks import check_range
from .base import SmoothSkeletonNoise
from .checks import name_of, require_keypoint
from .noise import smooth_noise


class PosePrior(Protocol):
    """What :class:`PosePriorNoise` asks of a prior over poses.

    Attributes:
        num_latent (int): Width L of the latent space, in which poses are
            about standard normal.
    """

    num_latent: int

    def perturb(self, results: dict, noise: np.ndarray) -> np.ndarray:
        """Move the poses of a sample by noise in the latent space, (M, T, L).

        The result are the joints of the moved poses, (M, T, V, C).
        """


class PosePriorNoise(SmoothSkeletonNoise):
    """Change the pose as poses differ among themselves, smoothly in time.

    Gaussian noise (:func:`smooth_noise`) is added in the latent space of a
    prior over poses, so that the joints move together as those of a body do.
    The paper's prior is VPoser (Sec. 3.1), which needs a license and a body
    model: :class:`VPoserPrior`. :class:`LinearPosePrior` needs neither.

    Required Keys:

        - keypoint
        - rng
        - what the prior requires

    Modified Keys:

        - keypoint

    Args:
        prior (dict): Config of the prior.
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation of the noise in the latent space, in
            which poses have about 1; not negative. Defaults to 0.1
            (Table S1).
        smoothness (float): Share of the sequence over which the correlation
            of the noise falls to about one half, above 0. Defaults to 1.0:
            mostly another way to stand, with a slow drift.

    Raises:
        ValueError: If an argument is outside its range.

    Example:
        >>> import masa.registration
        >>> data = dict(
        ...     type='SyntheticSequenceDataset',
        ...     split='val',
        ...     sequences_per_activity=dict(val=1),
        ...     pipeline=[dict(type='mmaction.NormalizeSkeleton')],
        ... )
        >>> prior = dict(type='LinearPosePrior', dataset=data)
        >>> PosePriorNoise(prior).prior.num_latent
        10
    """

    hidden_arguments = ('prior',)

    def __init__(
        self,
        prior: dict,
        prob: float = 0.3,
        std: float = 0.1,
        smoothness: float = 1.0,
    ):
        super().__init__(prob, std, smoothness)
        # The registries import PyTorch, which inference can do without.
        from ...registry import TASK_UTILS

        self.prior: PosePrior = TASK_UTILS.build(prior)

    def change(self, keypoint, rng, results, plan) -> None:
        """Move the joints; see the base class."""
        persons, frames = keypoint.shape[:2]
        noise = self.std * smooth_noise(
            rng,
            frames,
            (persons, self.prior.num_latent),
            self.smoothness * frames,
        )
        moved = self.prior.perturb(results, noise.transpose(1, 0, 2))
        dtype = np.result_type(keypoint.dtype, np.float32)
        results['keypoint'] = moved.astype(dtype)


class LinearPosePrior:
    """Fit the principal components of the poses of a dataset.

    The latent space is that of the whitened components; what they leave of a
    pose stays as it is. Where a body stands is no part of its pose: the mean
    over its joints is left out.

    Args:
        dataset (dict): Config of the dataset, with the transforms that come
            before the noise, such as :class:`NormalizeSkeleton`. Every pose
            of every person counts once, but for those without any joint.
        variance (float): Share of the variance of the poses that the
            components explain at least, in (0, 1]. What comes after is
            mostly the noise of the joints. Defaults to 0.95.

    Raises:
        ValueError: If ``variance`` is outside its range, or no two poses
            differ.
    """

    def __init__(self, dataset: dict, variance: float = 0.95):
        from ...registry import DATASETS

        check_range('variance', variance, 0, 1, open_low=True)
        count, total, square = 0, 0.0, 0.0
        for sample in DATASETS.build(dataset):
            poses = require_keypoint(sample, self).astype(np.float64)
            poses = poses[poses.any(axis=(2, 3))]
            poses -= poses.mean(axis=1, keepdims=True)
            poses = poses.reshape(len(poses), np.prod(poses.shape[1:]))
            count += len(poses)
            total = total + poses.sum(axis=0)
            square = square + poses.T @ poses
        mean = total / max(count, 1)
        covariance = square / max(count, 1) - np.outer(mean, mean)
        spread, directions = np.linalg.eigh(covariance)
        spread, directions = spread[::-1].clip(0), directions[:, ::-1]
        if not spread.sum() > 0:
            raise ValueError(
                'LinearPosePrior expects a dataset whose poses differ, but '
                f'got {count} poses without variance from {dataset}'
            )
        explained = spread.cumsum() / spread.sum()
        # Rounding may keep the last share below 1.
        self.num_latent = min(
            int(np.searchsorted(explained, variance)) + 1, len(spread)
        )
        chosen = slice(self.num_latent)
        self.components = (directions[:, chosen] * spread[chosen] ** 0.5).T

    def perturb(self, results: dict, noise: np.ndarray) -> np.ndarray:
        """Move poses along the components by noise, (M, T, L).

        The noise is in standard deviations of every component; the result are
        the joints, (M, T, V, C). A ValueError says that the skeleton has other
        joints than the dataset.
        """
        keypoint = results['keypoint']
        width = self.components.shape[1]
        if np.prod(keypoint.shape[2:]) != width:
            raise ValueError(
                f'the prior was fitted on {width} coordinates, but sequence '
                f'{name_of(results)} has joints of shape {keypoint.shape[2:]}'
            )
        return keypoint + (noise @ self.components).reshape(keypoint.shape)
