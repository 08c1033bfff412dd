from collections.abc import Sequence

import numpy as np

from ...support.argument_checks import check_choice, check_range
from .base import SequenceTransform
from .checks import name_of, require_rng
from .noise import smooth_noise

# What a view holds, and the axis of its frames.
FRAME_AXES = dict(keypoint=1, keypoint_score=1, feature=0, smpl_body_pose=0)


class DualAugmentation(SequenceTransform):
    """Make two views of one sequence (paper, Sec. 3.1).

    Both views are taken from one range of the sequence. Each then keeps its
    own random frames of that range, so that either view can be the faster one
    at any moment, and gets its own spatial augmentation. How many frames a
    view loses is a share drawn from U(0, ``max_drop_ratio``), rounded down.

    ``temporal='drop'`` is the paper's: which frames go is drawn
    independently. The frames left then lie so evenly that counting them
    almost tells their place. ``temporal='warp'`` draws a smooth speed curve,
    the exponential of :func:`smooth_noise`, and keeps the frames at equal
    steps of its integral; no frame is repeated, so where a view is slowest it
    keeps every frame.

    Only the kept frames of a memory-mapped feature are read.

    Required Keys:

        - rng
        - keypoint, keypoint_score, feature (one of keypoint and feature)
        - total_frames (optional)
        - skeleton (if the spatial transforms need it)

    Added Keys:

        - views (two dicts with their own keypoint, keypoint_score, feature,
          and frame_index, (n,) int64, strictly increasing)
        - total_frames (if it was not known)

    Args:
        temporal (str): ``'drop'`` or ``'warp'``. Defaults to ``'drop'``.
        max_drop_ratio (float): Greatest share of frames that a view loses,
            in [0, 1). Defaults to 0.5, CASA's.
        trim (bool): Whether the range is a random contiguous part instead of
            the whole sequence. The paper does so for RGB only. Defaults to
            False.
        min_trim_ratio (float): Least share of the sequence that the range
            holds, in (0, 1]; its length is uniform between that and the
            whole. Defaults to 0.5.
        spatial (Sequence[dict]): Configs of the transforms applied to each
            view on its own; they see keypoint, keypoint_score, feature,
            skeleton, frame_dir and rng. Defaults to none.
        dual (bool): Whether both views are augmented. If False, the first is
            the range as it is, as in CASA. Defaults to True.
        warp_std (float): Standard deviation of the logarithm of the speed
            under ``'warp'``, not negative. Defaults to 0.5.
        warp_smoothness (float): Share of the range over which the
            correlation of the speeds falls to about one half, above 0.
            Defaults to 0.2.

    Raises:
        ValueError: If an argument is outside its range; when called, if
            keypoint and feature have no frames or differ in length, or a
            spatial transform changes the number of frames.
        KeyError: When called, if there is neither keypoint nor feature.

    Example:
        >>> sample = dict(keypoint=np.ones((1, 8, 17, 2)))
        >>> sample['rng'] = np.random.default_rng(0)
        >>> first, second = DualAugmentation()(sample)['views']
        >>> first['frame_index'].tolist(), len(second['frame_index'])
        ([2, 3, 4, 5, 6, 7], 5)
    """

    def __init__(
        self,
        temporal: str = 'drop',
        max_drop_ratio: float = 0.5,
        trim: bool = False,
        min_trim_ratio: float = 0.5,
        spatial: Sequence[dict] = (),
        dual: bool = True,
        warp_std: float = 0.5,
        warp_smoothness: float = 0.2,
    ):
        check_choice('temporal', temporal, ('drop', 'warp'))
        check_range('max_drop_ratio', max_drop_ratio, 0, 1, open_high=True)
        check_range('min_trim_ratio', min_trim_ratio, 0, 1, open_low=True)
        check_range('warp_std', warp_std, 0)
        check_range('warp_smoothness', warp_smoothness, 0, open_low=True)
        self.temporal = temporal
        self.max_drop_ratio = max_drop_ratio
        self.trim = trim
        self.min_trim_ratio = min_trim_ratio
        self.spatial = []
        if spatial:
            # The registry imports PyTorch, which inference can do without.
            from ...registry import TRANSFORMS

            self.spatial = [TRANSFORMS.build(config) for config in spatial]
        self.dual = dual
        self.warp_std = warp_std
        self.warp_smoothness = warp_smoothness

    def transform(self, results: dict) -> dict:
        """Add ``views`` to a sample."""
        rng = require_rng(results, self)
        total = self._total_frames(results)
        results['total_frames'] = total
        start, length = 0, total
        if self.trim:
            shortest = int(np.ceil(self.min_trim_ratio * total))
            length = int(rng.integers(shortest, total, endpoint=True))
            start = int(rng.integers(total - length, endpoint=True))
        results['views'] = [
            self._make_view(results, rng, start, length, augment)
            for augment in (self.dual, True)
        ]
        return results

    def _total_frames(self, results: dict) -> int:
        lengths = {
            key: results[key].shape[axis]
            for key, axis in FRAME_AXES.items()
            if results.get(key) is not None
        }
        if 'keypoint' not in lengths and 'feature' not in lengths:
            raise KeyError(
                "DualAugmentation requires 'keypoint' or 'feature', but "
                f'sequence {name_of(results)} has only '
                f'{sorted(map(str, results))}'
            )
        found = set(lengths.values())
        if 'total_frames' in results:
            found.add(int(results['total_frames']))
        if len(found) > 1 or 0 in found:
            raise ValueError(
                f'sequence {name_of(results)} is expected to have '
                f'{results.get("total_frames", "one or more")} frames '
                f'everywhere, but has {lengths}'
            )
        return found.pop()

    def _make_view(
        self,
        results: dict,
        rng: np.random.Generator,
        start: int,
        length: int,
        augment: bool,
    ) -> dict:
        kept = self._kept_frames(rng, length) if augment else np.arange(length)
        index = start + kept
        view = {
            key: results[key].take(index, axis)
            if axis
            # Indexing reads only these frames of a map; take() reads all.
            else results[key][index]
            for key, axis in FRAME_AXES.items()
            if results.get(key) is not None
        }
        names = tuple(view)
        if augment and self.spatial:
            view['rng'] = rng
            for key in ('skeleton', 'smpl_betas', 'frame_dir'):
                if key in results:
                    view[key] = results[key]
            for transform in self.spatial:
                view = transform(view)
            for key in names:
                if view[key].shape[FRAME_AXES[key]] != len(index):
                    raise ValueError(
                        'spatial transforms are expected to keep the number '
                        f'of frames of sequence {name_of(results)}, '
                        f'{len(index)}, but {key!r} now has the shape '
                        f'{view[key].shape}'
                    )
        return {key: view[key] for key in names} | dict(frame_index=index)

    def _kept_frames(
        self, rng: np.random.Generator, length: int
    ) -> np.ndarray:
        ratio = rng.uniform(0, self.max_drop_ratio)
        count = length - int(ratio * length)
        if self.temporal == 'drop':
            return np.sort(rng.permutation(length)[:count])
        log_speed = self.warp_std * smooth_noise(
            rng, length, (), self.warp_smoothness * length
        )
        return _frames_at_speed(np.exp(-log_speed), count, rng.random())


def _frames_at_speed(
    density: np.ndarray, count: int, offset: float
) -> np.ndarray:
    """Choose frames so that their number follows a density.

    The density is scaled to add up to ``count`` with no frame above 1, which
    is what keeps any frame from being chosen twice; a frame is chosen
    wherever the running sum passes ``k + offset``.

    Args:
        density (np.ndarray): Relative frames to keep, ``(n,)``, positive.
        count (int): Frames to choose, in [1, n].
        offset (float): In [0, 1).

    Returns:
        np.ndarray: ``(count,)`` int64, strictly increasing in [0, n).
    """
    steps = np.arange(count)
    descending = np.sort(density)[::-1]
    # With the j greatest held at 1, the others share count - j.
    rest = np.cumsum(descending[::-1])[::-1][:count]
    scales = (count - steps) / rest
    held = np.argmax(scales * descending[:count] <= 1 + 1e-9)
    share = np.minimum(density * scales[held], 1)
    index = np.searchsorted(np.cumsum(share), steps + offset, side='right')
    # Rounding of the sum must neither repeat a frame nor leave the range.
    index = np.maximum.accumulate(index - steps) + steps
    return np.minimum(index, len(density) - count + steps)
