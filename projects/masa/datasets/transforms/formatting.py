from collections.abc import Sequence

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform

from .checks import name_of, require

MODALITIES = ('keypoint', 'feature')


@TRANSFORMS.register_module()
class PackSequenceInputs(BaseTransform):
    """Packs one sequence, or its views, into what the model takes.

    Every view becomes ``dict(values=(n, D) float32, frame_index=(n,) int64,
    num_frames=int)``: the modalities' per-frame vectors side by side, joints
    flattened from (M, T, V, C) to (T, M * V * C), where each frame stood in
    the original sequence, and how long that is. Without views there is one,
    the whole sequence.

    Modalities side by side differ in width and unit, and the wider or larger
    one drowns the other: 1536 features a frame against 75 coordinates in
    torso lengths. ``balance`` multiplies each modality of a view by one
    number, so that the mean squared norm of its frames is D / m, with m
    modalities of D channels together: all have the same power, and a channel
    has the power 1 on average. One number keeps the geometry of a pose and
    the directions of features, unlike a LayerNorm; and it needs no
    statistics of a data set, so that training, inference and the controls of
    the evaluation see the same. The views of one sequence get nearly the
    same numbers.

    Every modality has a value for every frame: a frame that one misses is
    filled beforehand (joints of score 0 by the converters), and other
    lengths are an error.

    Required Keys:

        - keypoint and / or feature, as ``modalities`` say, here or in views
        - frame_dir, total_frames, label, activity, split, phase,
          canonical_time (all optional)

    Added Keys:

        - inputs
        - data_samples (meta: frame_dir, total_frames, label, activity,
          split; data where known: gt_label, phase, canonical_time)

    Args:
        modalities (Sequence[str]): Which of ``'keypoint'`` and ``'feature'``
            to pack, in the order of their channels. Defaults to
            ``('keypoint',)``.
        balance (bool): Whether to give all modalities the same power. For
            two of them. Defaults to False.

    Raises:
        ValueError: If ``modalities`` is empty, has another entry or one
            twice.
    """

    def __init__(
        self, modalities: Sequence[str] = ('keypoint',), balance: bool = False
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
        self.modalities = modalities
        self.balance = balance

    def transform(self, results: dict) -> dict:
        """Pack the sample.

        Args:
            results (dict): The sample.

        Returns:
            dict: ``inputs``, a list of views, and ``data_samples``.

        Raises:
            KeyError: If a modality is missing.
            ValueError: If modalities differ in length, a frame index is not
                of the sequence, a value is not finite, or phases do not
                cover the sequence. The sequence is named.
        """
        views = results.get('views')
        if views is None:
            values = self._values(results, results)
            total = results.get('total_frames', len(values))
            if len(values) != total:
                raise ValueError(
                    f'sequence {name_of(results)} is expected to have '
                    f'{total} frames, as its total_frames says, but its '
                    f'{self.modalities} have {len(values)}'
                )
            index = np.arange(total)
            inputs = [_as_tensors(values, index, int(total))]
        else:
            total = int(require(results, 'total_frames', self))
            inputs = [self._pack_view(view, results, total) for view in views]
        sample = self._data_sample(results, int(total))
        return dict(inputs=inputs, data_samples=sample)

    def _pack_view(self, view: dict, results: dict, total: int) -> dict:
        values = self._values(view, results)
        index = np.array(require(view, 'frame_index', self), dtype=np.int64)
        if (
            index.shape != values.shape[:1]
            or index[0] < 0
            or index[-1] >= total
            or (np.diff(index) <= 0).any()
        ):
            raise ValueError(
                f'a view of sequence {name_of(results)} is expected to have '
                f'{len(values)} strictly increasing frame indices of '
                f'[0, {total}), but has {index.tolist()}'
            )
        return _as_tensors(values, index, total)

    def _values(self, view: dict, results: dict) -> np.ndarray:
        parts = []
        for name in self.modalities:
            if name not in view:
                known = [known for known in MODALITIES if known in view]
                raise KeyError(
                    f'PackSequenceInputs requires {name!r}, but sequence '
                    f'{name_of(results)} has only {known}'
                )
            part = view[name]
            if part.ndim != (4 if name == 'keypoint' else 2):
                raise ValueError(
                    f'{name!r} of sequence {name_of(results)} is expected to '
                    'have the shape (persons, frames, joints, axes) if '
                    "'keypoint' and (frames, channels) if 'feature', but "
                    f'has {part.shape}'
                )
            if name == 'keypoint':
                persons, frames, joints, axes = part.shape
                part = part.swapaxes(0, 1).reshape(
                    frames, persons * joints * axes
                )
            parts.append(part)
        lengths = {
            name: len(part)
            for name, part in zip(self.modalities, parts, strict=True)
        }
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise ValueError(
                f'sequence {name_of(results)} is expected to have one frame '
                f'at least, and as many in every modality, but has {lengths}'
            )
        values = _side_by_side(parts, results, self.modalities)
        finite = np.isfinite(values)
        if not finite.all():
            frame, channel = np.argwhere(~finite)[0]
            raise ValueError(
                f'sequence {name_of(results)} is expected to hold finite '
                f'values, but has {values[frame, channel]} at its frame '
                f'{frame}, channel {channel} of {self.modalities}'
            )
        if self.balance:
            _balance(values, [part.shape[1] for part in parts])
        return values

    def _data_sample(self, results: dict, total: int) -> ActionDataSample:
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
        return sample

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(modalities={self.modalities}, '
            f'balance={self.balance})'
        )


def _side_by_side(
    parts: Sequence[np.ndarray], results: dict, names: Sequence[str]
) -> np.ndarray:
    if len(parts) > 1:
        return np.concatenate(parts, axis=1, dtype=np.float32)
    # A view's frames were copied when they were chosen, and large features
    # are not to be copied twice; but what the data set has stays its own.
    source = results.get(names[0])
    shared = source is not None and np.may_share_memory(parts[0], source)
    return parts[0].astype(np.float32, order='C', subok=False, copy=shared)


def _as_tensors(values: np.ndarray, index: np.ndarray, total: int) -> dict:
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
