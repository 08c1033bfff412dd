import inspect
from abc import ABC, abstractmethod

from ...support.argument_checks import check_range
from .checks import require_keypoint, require_rng


class SequenceTransform(ABC):
    """Base of the transforms.

    It is called as mmcv's ``BaseTransform`` is, but imports no PyTorch, so
    that an application can prepare sequences for an exported model. Every
    argument of the constructor is kept as an attribute of its name, and
    shown in the ``repr``.

    Attributes:
        hidden_arguments (tuple[str, ...]): Arguments that are not shown.
        takes_stacks (bool): Whether it transforms a stack of samples of one
            length, whose joints are (N, M, T, V, C), as if each were alone
            (:func:`~masa.datasets.parts.stack_parts`).
    """

    hidden_arguments: tuple[str, ...] = ()
    takes_stacks: bool = False

    def __call__(self, results: dict) -> dict:
        """Transform a sample; see :meth:`transform`."""
        return self.transform(results)

    @abstractmethod
    def transform(self, results: dict) -> dict:
        """Transform a sample.

        Args:
            results (dict): The sample, which may be changed.

        Returns:
            dict: The result.
        """

    def __repr__(self) -> str:
        values = [
            f'{name}={getattr(self, name)!r}'
            for name in inspect.signature(type(self)).parameters
            if name not in self.hidden_arguments
        ]
        return f'{type(self).__name__}({", ".join(values)})'


class RandomSkeletonChange(SequenceTransform):
    """Base of the transforms that change a skeleton with some probability.

    Args:
        prob (float): Probability of any change, in [0, 1]. Defaults to 0.3,
            that of MASA's augmentations (Table S1).

    Raises:
        ValueError: If ``prob`` is outside its range.
    """

    def __init__(self, prob: float = 0.3):
        check_range('prob', prob, 0, 1)
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Change the skeleton, or leave it as it is.

        Args:
            results (dict): The sample, or one view of it.

        Returns:
            dict: The same, with the joints changed.
        """
        keypoint = require_keypoint(results, self)
        rng = require_rng(results, self)
        # Mistakes are told whatever is drawn.
        plan = self.prepare(keypoint, results)
        if rng.random() < self.prob:
            self.change(keypoint, rng, results, plan)
        return results

    def prepare(self, keypoint, results):
        """Check the sample, and return what :meth:`change` needs of it."""

    def change(self, keypoint, rng, results, plan) -> None:
        """Put the changed joints into ``results``.

        Args:
            keypoint (np.ndarray): Joints, ``(M, T, V, C)``.
            rng (np.random.Generator): The sample's own generator.
            results (dict): The sample.
            plan (Any): From :meth:`prepare`.
        """
        raise NotImplementedError


class SkeletonNoise(RandomSkeletonChange):
    """Base of the random changes of some size.

    Args:
        prob (float): Probability of any noise, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation, not negative. Defaults to 0.1.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(self, prob: float = 0.3, std: float = 0.1):
        super().__init__(prob)
        check_range('std', std, 0)
        self.std = std


class SmoothSkeletonNoise(SkeletonNoise):
    """Base of the random noise that is smooth in time.

    Args:
        prob (float): Probability of any noise, in [0, 1]. Defaults to 0.3.
        std (float): Standard deviation, not negative. Defaults to 0.1.
        smoothness (float): Share of the sequence over which the correlation
            falls to about one half, above 0. Defaults to 1.0: mostly an
            offset with a slow drift, as CASA's covariance, whose first and
            last frames have the correlation 0.5.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self, prob: float = 0.3, std: float = 0.1, smoothness: float = 1.0
    ):
        super().__init__(prob, std)
        check_range('smoothness', smoothness, 0, open_low=True)
        self.smoothness = smoothness
