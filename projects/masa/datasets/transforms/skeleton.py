import numpy as np

from ...support.argument_checks import check_choice
from .base import RandomSkeletonChange, SequenceTransform
from .checks import (
    joint_list,
    mirror_order,
    name_of,
    require_keypoint,
    require_skeleton,
)
from .skeleton_axes import side_pairs, turn_of_sequence, turns_per_frame


class NormalizeSkeleton(SequenceTransform):
    """Normalize a skeleton for position, size and, optionally, orientation.

    Move the root joint to the origin, rotate the body to a canonical facing
    direction and divide by the torso's length. Where there are several
    persons, the first one sets all three for the whole scene, so that the
    persons keep their places among each other. No frame is dropped.

    A joint at exactly zero in all coordinates, and not of positive score, is
    one that was not found, as in MMAction2's files: it stays at zero, which
    is now the root. A root that is missing in some frames is interpolated
    from the others; a torso that is missing does not count. Joints whose
    positions an annotation file already fills in have score 0: the torso's
    length is taken where its score is positive, if it is so anywhere.

    CASA centers, turns and scales every frame on its own (``center='frame',
    rotation='frame', scale='frame'``), by two rotations of which the second
    may tilt the axis that the first has set, and with signs that differ
    between its datasets. Here the torso goes to the up axis, its upper end
    up, and what is at right angles to it of the axis from the body's right
    shoulder or hip to its left goes to x.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - skeleton (root and torso; flip_pairs if ``rotation`` is given)

    Modified Keys:

        - keypoint

    Args:
        center (str): ``'frame'`` moves the root of every frame to the
            origin, ``'sequence'`` its mean over the frames, which keeps how
            the body travels. Defaults to ``'frame'``.
        scale (str, optional): ``'sequence'`` divides by the median length of
            the torso, ``'frame'`` by that of every frame, None does not
            divide. A torso seen from its end is short, so ``'frame'`` is for
            3D. Defaults to ``'sequence'``.
        rotation (str, optional): For 3D only. ``'frame'`` rotates every
            frame as above, ``'sequence'`` all frames together about the up
            axis, so that the mean axis from right to left points along x.
            Defaults to None.
        up_axis (str): Which axis points up, ``'y'`` or ``'z'``; only matters
            to ``rotation``. Defaults to ``'z'``.

    Raises:
        ValueError: If an argument is none of its choices; when called, if
            the root is never seen, the torso has no length, or a rotation is
            asked of 2D joints.
        KeyError: When called, if the skeleton's description lacks a field.

    Example:
        >>> joints = np.array([[[[1, 1], [1, 5]]]])
        >>> sample = dict(keypoint=joints, skeleton=dict(root=0, torso=[1, 0]))
        >>> NormalizeSkeleton()(sample)['keypoint'].tolist()
        [[[[0.0, 0.0], [0.0, 1.0]]]]
    """

    def __init__(
        self,
        center: str = 'frame',
        scale: str | None = 'sequence',
        rotation: str | None = None,
        up_axis: str = 'z',
    ):
        check_choice('center', center, ('frame', 'sequence'))
        check_choice('scale', scale, ('sequence', 'frame', None))
        check_choice('rotation', rotation, ('sequence', 'frame', None))
        check_choice('up_axis', up_axis, ('y', 'z'))
        # Degenerate frames take the rotation of others of their sequence.
        self.takes_stacks = rotation != 'frame'
        self.center = center
        self.scale = scale
        self.rotation = rotation
        self.up_axis = up_axis

    def transform(self, results: dict) -> dict:
        """Normalize the joints of a sample, float32 at least."""
        keypoint = require_keypoint(results, self)
        fields = ['root', 'torso'] + ['flip_pairs'] * bool(self.rotation)
        skeleton = require_skeleton(results, fields, self)
        keypoint = keypoint.astype(
            np.result_type(keypoint.dtype, np.float32), copy=False
        )
        joints = keypoint.shape[-2]
        if len(skeleton['torso']) != 2:
            raise ValueError(
                "the skeleton's 'torso' is expected to be two ends, but got "
                f'{skeleton["torso"]}'
            )
        upper, lower = (
            joint_list(end, joints, 'torso') for end in skeleton['torso']
        )
        root = joint_list(skeleton['root'], joints, 'root')

        absent = (keypoint == 0).all(-1)
        score = results.get('keypoint_score')
        if score is not None:
            absent &= score <= 0
        body, body_absent = keypoint[..., 0, :, :, :], absent[..., 0, :, :]
        if score is None:
            # A joint at zero in all frames is one that was centered on.
            body_absent = body_absent & ~body_absent.all(-2, keepdims=True)

        names = skeleton.get('joints')
        told = [names[joint] for joint in root] if names else root
        center = self._root(
            body[..., root, :], body_absent[..., root], told, results
        )
        centered = keypoint - center[..., None, :, None, :]
        up = body[..., upper, :].mean(-2) - body[..., lower, :].mean(-2)
        if self.rotation:
            turns = self._turns(body, up, body_absent, skeleton, results)
            turns = turns.swapaxes(-1, -2).astype(centered.dtype)
            centered = centered @ turns[..., None, :, :, :]
        if self.scale:
            torso = upper + lower
            seen = ~body_absent[..., torso].any(-1)
            trusted = seen
            if score is not None:
                trusted = seen & (score[..., 0, :, torso] > 0).all(0)
            lengths = self._lengths(up, seen, trusted, results)
            centered /= lengths[..., None, :, None, None]
        if absent.any():
            centered[absent] = 0
        results['keypoint'] = centered
        return results

    def _root(
        self,
        root: np.ndarray,
        absent: np.ndarray,
        told: list[str | int],
        results: dict,
    ) -> np.ndarray:
        """Where the origin goes: (..., T, C) or (..., 1, C)."""
        point = root.mean(-2)
        seen = ~absent.any(-1)
        if not seen.any(-1).all():
            raise ValueError(
                f'sequence {name_of(results)} is expected to show the joints '
                'that it is centered on in one frame at least, but does not '
                f'show {" and ".join(map(str, told))} together'
            )
        if self.center == 'sequence':
            return point.mean(-2, keepdims=True, where=seen[..., None])
        frames = np.arange(point.shape[-2])
        for at in np.argwhere(~seen.all(-1)):
            at = tuple(at)
            there = seen[at]
            for axis in point[at].T:
                axis[:] = np.interp(frames, frames[there], axis[there])
        return point

    def _turns(
        self,
        body: np.ndarray,
        up: np.ndarray,
        absent: np.ndarray,
        skeleton: dict,
        results: dict,
    ) -> np.ndarray:
        """Rotation matrices (T, 3, 3) or (..., 1, 3, 3)."""
        if body.shape[-1] != 3:
            raise ValueError(
                f'rotation={self.rotation!r} is expected to be used on 3D '
                f'joints, but sequence {name_of(results)} is '
                f'{body.shape[-1]}D'
            )
        left, right = side_pairs(skeleton, body.shape[-2]).T
        # In double precision, or nearly parallel axes would tilt the frame.
        up = up.astype(np.float64)
        side = body[..., left, :] - body[..., right, :]
        side = side.mean(-2, dtype=np.float64)
        # Frames without direction, which count for nothing.
        side[absent[..., [*left, *right]].any(-1)] = 0
        up_axis = 'xyz'.index(self.up_axis)
        if self.rotation == 'frame':
            return turns_per_frame(up, side, up_axis, results)
        return turn_of_sequence(side, up_axis, results)

    def _lengths(
        self,
        torso: np.ndarray,
        seen: np.ndarray,
        trusted: np.ndarray,
        results: dict,
    ) -> np.ndarray:
        """What to divide by: (..., T) or (..., 1)."""
        lengths = np.linalg.norm(torso, axis=-1)
        usable = seen & (lengths > 0)
        if not usable.any(-1).all():
            raise ValueError(
                f'sequence {name_of(results)} is expected to show a torso '
                'whose ends lie apart in one frame at least'
            )
        best = usable & trusted
        best = np.where(best.any(-1, keepdims=True), best, usable)
        if best.all():
            median = np.median(lengths, axis=-1, keepdims=True)
        else:
            known = np.where(best, lengths, np.nan)
            median = np.nanmedian(known, axis=-1, keepdims=True)
        if self.scale == 'sequence':
            return median
        return np.where(usable, lengths, median)


class FlipSkeleton(RandomSkeletonChange):
    """Mirror the skeleton, x to -x, and swap its left and right joints.

    The joints are expected to be centered (:class:`NormalizeSkeleton`); other
    coordinates would end up beside the image. CASA mirrors without swapping,
    which turns a left arm into a right arm that is still called left.

    Required Keys:

        - keypoint
        - keypoint_score (optional)
        - skeleton (flip_pairs)
        - rng

    Modified Keys:

        - keypoint
        - keypoint_score

    Args:
        prob (float): Probability of doing so, in [0, 1]. Defaults to 0.3
            (paper, Table S1).

    Raises:
        ValueError: If ``prob`` is outside its range; when called, if the flip
            pairs are no pairs of different joints.

    Example:
        >>> joints = np.array([[[[1, 2], [3, 4]]]])
        >>> sample = dict(keypoint=joints, rng=np.random.default_rng(0))
        >>> sample['skeleton'] = dict(flip_pairs=[[0, 1]])
        >>> FlipSkeleton(prob=1.0)(sample)['keypoint'].tolist()
        [[[[-3, 4], [-1, 2]]]]
    """

    def prepare(self, keypoint, results) -> list:
        """Read the skeleton; see the base class."""
        return require_skeleton(results, ['flip_pairs'], self)['flip_pairs']

    def change(self, keypoint, rng, results, plan) -> None:
        """Mirror the skeleton; see the base class."""
        order = mirror_order(plan, keypoint.shape[2])
        mirrored = keypoint[:, :, order]
        mirrored[..., 0] *= -1
        results['keypoint'] = mirrored
        if results.get('keypoint_score') is not None:
            results['keypoint_score'] = results['keypoint_score'][..., order]
