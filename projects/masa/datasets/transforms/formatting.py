import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...support.argument_checks import check_choice
from ..times import frame_times
from .base import SequenceTransform
from .checks import joint_list, name_of, require, require_skeleton
from .joint_modalities import directions, hide, missing_joints, velocities

if TYPE_CHECKING:
    from mmaction.structures import ActionDataSample

# What a sample holds, and what is worked out of it and its joints.
STORED = ('keypoint', 'feature')
DERIVED = ('bone', 'motion', 'missing')
MODALITIES = STORED + DERIVED


class PackSequenceInputs(SequenceTransform):
    """Pack a sequence, or its views, into what the model takes.

    Every view becomes ``dict(values=(n, D) float32, frame_index=(n,) int64,
    num_frames=int)``: the modalities' per-frame vectors side by side, joints
    flattened from (M, T, V, C) to (T, M * V * C), where each frame stood in
    the original sequence, and how long that is. Without views there is one,
    the whole sequence.

    Three modalities are worked out of the joints of the view, as they are
    after its augmentation:

    - ``'bone'``, (T, M * E * C): for each of the E bones that the skeleton's
      description lists, in their order, the unit vector from its first joint
      to its second, and 0 for a bone of no length. The vector itself is a
      linear function of the joints, which a network's first layer can work
      out; its direction does not depend on the size of the body.
    - ``'motion'``, (T, M * V * C): velocities, ``np.gradient`` over the
      indices of the frames in the original sequence, so that frames left out
      make nothing faster, times 10: torso lengths in ten frames, which are
      about as large as positions in torso lengths. 0 for a single frame.
    - ``'missing'``, (T, M * V): 1 where the score of a joint is 0 or less, 0
      elsewhere. A place that is only filled in is then not shown: the
      coordinates of such a joint are packed as 0, and so are the directions
      of the bones that end in it, and its velocities then and in the frames
      beside. What stands for the joint is the vector that the network's
      first layer learns for its channel here.

    Modalities side by side differ in width and unit, and the wider or larger
    one drowns the other: 1536 features a frame against 75 coordinates in
    torso lengths. ``balance`` multiplies each modality of a view by one
    number, so that the mean squared norm of its frames is D / m, with m
    modalities of D channels together: all have the same power, and a channel
    has the power 1 on average. One number keeps the geometry of a pose and
    the directions of features, unlike a LayerNorm; and it needs no
    statistics of a dataset, so that training, inference and the baselines
    of the evaluation see the same. The views of one sequence get nearly the
    same numbers.

    Every modality has a value for every frame: a frame that one misses is
    filled beforehand (joints of score 0 by the converters), and other
    lengths are an error.

    Required Keys:

        - keypoint and / or feature, as ``modalities`` say, here or in views
        - keypoint_score (for ``'missing'``), beside keypoint
        - skeleton (bones, for ``'bone'``)
        - frame_dir, total_frames, label, activity, split, phase,
          canonical_time, timestamps, frame_rate (all optional)

    Added Keys:

        - inputs
        - data_samples (meta: frame_dir, total_frames, label, activity,
          split, and, of a whole sequence, modality_widths, the number of
          channels of each modality; data where known: gt_label, phase,
          canonical_time, timestamps)

    Args:
        modalities (Sequence[str]): Which of ``'keypoint'``, ``'feature'``,
            ``'bone'``, ``'motion'`` and ``'missing'`` to pack, in the order
            of their channels. The last three only beside ``'keypoint'``.
            Defaults to ``('keypoint',)``.
        balance (bool): Whether to give all modalities the same power. For
            ``'keypoint'`` and ``'feature'`` only: the power of ``'missing'``
            says how many joints are missing, that of ``'bone'`` is the same
            in every frame, and that of ``'motion'`` says how fast it goes.
            Defaults to False.
        motion_unit (str): Time unit of ``'motion'``: ``'frames'``, ten
            frames, or ``'sequence'``, a tenth of the original sequence, which
            does not depend on the frame rate. Defaults to ``'frames'``.

    Raises:
        ValueError: If ``modalities`` is empty, has another entry or one
            twice, or has one that is worked out without ``'keypoint'`` or
            together with ``balance``. When called, if modalities differ in
            length, a frame index is not of the sequence, a value is not
            finite, scores or bones are not those of the joints, or phases do
            not cover the sequence. The sequence is named.
        KeyError: When called, if a modality, or what it is worked out of, is
            missing.

    Example:
        >>> joints = np.ones((1, 5, 17, 2))
        >>> packed = PackSequenceInputs()(dict(keypoint=joints))
        >>> packed['inputs'][0]['values'].shape
        torch.Size([5, 34])
    """

    def __init__(
        self,
        modalities: Sequence[str] = ('keypoint',),
        balance: bool = False,
        motion_unit: str = 'frames',
    ):
        modalities = tuple(modalities)
        if (
            not modalities
            or len(set(modalities)) < len(modalities)
            or not set(modalities) <= set(MODALITIES)
        ):
            raise ValueError(
                f'modalities is expected to list some of {MODALITIES}, each '
                f'once, but got {modalities}'
            )
        derived = [name for name in modalities if name in DERIVED]
        if derived and 'keypoint' not in modalities:
            raise ValueError(
                f"modalities is expected to list 'keypoint' beside {derived}, "
                f'which is worked out of the joints, but got {modalities}'
            )
        if derived and balance:
            raise ValueError(
                f'balance is expected to be used on {STORED} only, but '
                f'modalities also lists {derived}'
            )
        self.modalities = modalities
        check_choice('motion_unit', motion_unit, ('frames', 'sequence'))
        # Features have no stacks, and each sequence a power of its own.
        self.takes_stacks = 'feature' not in modalities and not balance
        self.balance = balance
        self.motion_unit = motion_unit

    def transform(self, results: dict) -> dict:
        """Pack a sample into ``inputs``, a list, and ``data_samples``."""
        views = results.get('views')
        if views is None:
            values, widths = self._whole(results)
            total = len(values)
            inputs = [_as_tensors(values, np.arange(total), total)]
            sample = self._data_sample(results, total)
            sample.set_metainfo(dict(modality_widths=widths))
        else:
            total = int(require(results, 'total_frames', self))
            inputs = [self._pack_view(view, results, total) for view in views]
            sample = self._data_sample(results, total)
        return dict(inputs=inputs, data_samples=sample)

    def frame_values(self, results: dict) -> np.ndarray:
        """Compute the values of the frames of a whole sequence.

        They are the input of an exported model, and need no PyTorch.

        Args:
            results (dict): A sample without views, or a stack of them.

        Returns:
            np.ndarray: The modalities side by side, (T, D) float32, of a
            stack (N, T, D).
        """
        values, _ = self._whole(results)
        return values

    def _whole(self, results: dict) -> tuple[np.ndarray, dict[str, int]]:
        """Return the values of a whole sequence, and widths by modality."""
        arrays, frames = self._stored_modalities(results, results)
        total = results.get('total_frames', frames)
        if frames != total:
            raise ValueError(
                f'sequence {name_of(results)} is expected to have '
                f'{total} frames, as its total_frames says, but its '
                f'{self.modalities} have {frames}'
            )
        return self._values(arrays, results, results, np.arange(total), total)

    def _pack_view(self, view: dict, results: dict, total: int) -> dict:
        index = np.array(require(view, 'frame_index', self), dtype=np.int64)
        arrays, frames = self._stored_modalities(view, results)
        if (
            index.shape != (frames,)
            or index[0] < 0
            or index[-1] >= total
            or (np.diff(index) <= 0).any()
        ):
            raise ValueError(
                f'a view of sequence {name_of(results)} is expected to have '
                f'{frames} strictly increasing frame indices of '
                f'[0, {total}), but has {index.tolist()}'
            )
        values, _ = self._values(arrays, view, results, index, total)
        return _as_tensors(values, index, total)

    def _stored_modalities(
        self, view: dict, results: dict
    ) -> tuple[dict[str, np.ndarray], int]:
        """Return the stored arrays by modality, and their number of frames."""
        arrays = {
            name: _stored(name, view, results)
            for name in self.modalities
            if name in STORED
        }
        lengths = {
            name: values.shape[0 if name == 'feature' else -3]
            for name, values in arrays.items()
        }
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise ValueError(
                f'sequence {name_of(results)} is expected to have one frame '
                f'at least, and as many in every modality, but has {lengths}'
            )
        return arrays, next(iter(lengths.values()))

    def _values(
        self,
        arrays: dict[str, np.ndarray],
        view: dict,
        results: dict,
        index: np.ndarray,
        total: int,
    ) -> tuple[np.ndarray, dict[str, int]]:
        if 'bone' in self.modalities:
            bones = self._bones(arrays['keypoint'], results)
            arrays['bone'] = directions(arrays['keypoint'], bones)
        if 'motion' in self.modalities:
            # Torso lengths in ten frames, or in a tenth of the sequence.
            unit = 10.0 if self.motion_unit == 'frames' else total / 10
            arrays['motion'] = unit * velocities(arrays['keypoint'], index)
        if 'missing' in self.modalities:
            missing = missing_joints(view, arrays['keypoint'], results)
            arrays['missing'] = missing
            arrays['keypoint'] = hide(arrays['keypoint'], missing)
            if 'bone' in arrays:
                cut = missing[..., bones].any(-1)
                arrays['bone'] = hide(arrays['bone'], cut)
            if 'motion' in arrays:
                cut = missing.copy()
                cut[..., 1:, :] |= missing[..., :-1, :]
                cut[..., :-1, :] |= missing[..., 1:, :]
                arrays['motion'] = hide(arrays['motion'], cut)
        if 'missing' in arrays:
            arrays['missing'] = arrays['missing'][..., None]
        parts = [
            arrays[name] if name == 'feature' else _by_frame(arrays[name])
            for name in self.modalities
        ]
        values = _side_by_side(parts, results, self.modalities)
        finite = np.isfinite(values)
        if not finite.all():
            at = tuple(np.argwhere(~finite)[0])
            raise ValueError(
                f'sequence {name_of(results)} is expected to hold finite '
                f'values, but has {values[at]} at its frame {at[-2]}, '
                f'channel {at[-1]} of {self.modalities}'
            )
        widths = [part.shape[-1] for part in parts]
        if self.balance:
            _balance(values, widths)
        return values, dict(zip(self.modalities, widths, strict=True))

    def _bones(self, keypoint: np.ndarray, results: dict) -> np.ndarray:
        skeleton = require_skeleton(results, ['bones'], self)
        bones = skeleton['bones']
        if len(bones) == 0:
            raise KeyError(
                "PackSequenceInputs requires bones for 'bone', but the "
                f'skeleton of sequence {name_of(results)} has none'
            )
        try:
            pairs = [
                joint_list(bone, keypoint.shape[-2], 'bones') for bone in bones
            ]
        except ValueError as error:
            raise ValueError(
                f'of sequence {name_of(results)}, {error}'
            ) from error
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"the skeleton's 'bones' of sequence {name_of(results)} are "
                f'expected to be pairs of joints, but got {bones}'
            )
        return np.array(pairs)

    def _data_sample(self, results: dict, total: int) -> 'ActionDataSample':
        import torch
        from mmaction.structures import ActionDataSample

        label = int(results.get('label', -1))
        sample = ActionDataSample(
            metainfo=dict(
                frame_dir=results.get('frame_dir', ''),
                total_frames=total,
                label=label,
                activity=results.get('activity', ''),
                split=results.get('split', ''),
            )
        )
        if label >= 0:
            sample.set_gt_label(label)
        for key, dtype in (('phase', np.int64), ('canonical_time', 'float32')):
            if results.get(key) is None:
                continue
            field = np.array(results[key], dtype=dtype)
            if field.shape != (total,):
                raise ValueError(
                    f'{key!r} of sequence {name_of(results)} is expected to '
                    f'have the shape {(total,)}, but has {field.shape}'
                )
            sample.set_field(torch.from_numpy(field), key)
        times = frame_times(dict(results, total_frames=total))
        if times is not None:
            sample.set_field(torch.from_numpy(times), 'timestamps')
        return sample


def _stored(name: str, view: dict, results: dict) -> np.ndarray:
    if name not in view:
        known = [known for known in STORED if known in view]
        raise KeyError(
            f'PackSequenceInputs requires {name!r}, but sequence '
            f'{name_of(results)} has only {known}'
        )
    values = view[name]
    axes = 5 if results.get('stacked') else 4
    if values.ndim != (axes if name == 'keypoint' else 2):
        raise ValueError(
            f'{name!r} of sequence {name_of(results)} is expected to '
            'have the shape (persons, frames, joints, axes) if '
            "'keypoint' and (frames, channels) if 'feature', but "
            f'has {values.shape}'
        )
    return values


def _by_frame(values: np.ndarray) -> np.ndarray:
    """Flatten joints (..., M, T, V, C) to (..., T, M * V * C)."""
    moved = values.swapaxes(-3, -4)
    # Of no frames a width cannot be inferred.
    return moved.reshape(*moved.shape[:-3], math.prod(moved.shape[-3:]))


def _side_by_side(
    parts: Sequence[np.ndarray], results: dict, names: Sequence[str]
) -> np.ndarray:
    if len(parts) > 1:
        return np.concatenate(parts, axis=-1, dtype=np.float32)
    # A view's frames were copied when they were chosen, and large features
    # are not to be copied twice; but what the dataset has stays its own.
    source = results.get(names[0])
    shared = source is not None and np.may_share_memory(parts[0], source)
    return parts[0].astype(np.float32, order='C', subok=False, copy=shared)


def _as_tensors(values: np.ndarray, index: np.ndarray, total: int) -> dict:
    import torch

    return dict(
        values=torch.from_numpy(values),
        frame_index=torch.from_numpy(index),
        num_frames=total,
    )


def _balance(values: np.ndarray, widths: Sequence[int]) -> None:
    """Scale parts of the channels, in place, to the same mean power."""
    power = values.shape[1] / len(widths)
    for part in np.split(values, np.cumsum(widths)[:-1], axis=1):
        found = np.square(part, dtype=np.float64).sum() / len(part)
        # A part that is 0 throughout, as of a single joint at the root, has
        # no power to scale.
        part *= np.sqrt(power / found) if found else 1.0
