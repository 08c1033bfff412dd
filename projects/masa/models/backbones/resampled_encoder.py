from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from ...registry import MODELS
from ...support.argument_checks import check_one_or_more


@MODELS.register_module()
class ResampledEncoder(BaseModule):
    """Encode sequences at a fixed number of frames, whatever their rate.

    A sequence is resampled to ``frames`` frames, encoded, and its embeddings
    are interpolated back to its own frames, so that neither the frame rate
    nor the length changes what the encoder sees. Where a sequence has more
    frames, each resampled one is a weighted mean over its neighborhood
    (a triangular filter), which also averages jitter out.

    Args:
        encoder (dict): Config of the encoder.
        frames (int): Number of frames that it is given, 1 or more. Defaults
            to 64.
        unit_norm (bool): Whether embeddings have the norm 1, so that their
            squared distances are in [0, 4]: for losses that compare
            directions, such as :class:`CorrespondenceLoss`. Defaults to
            False.
        init_cfg (dict, optional): How to initialize. Defaults to None.

    Raises:
        ValueError: If ``frames`` is below 1.
    """

    def __init__(
        self,
        encoder: dict,
        frames: int = 64,
        unit_norm: bool = False,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        check_one_or_more(frames=frames)
        self.encoder = MODELS.build(encoder)
        self.frames = frames
        self.unit_norm = unit_norm
        self.in_channels = self.encoder.in_channels
        self.embed_dims = self.encoder.embed_dims

    def check_width(self, width: int) -> None:
        """Check that frames are as wide as the encoder.

        Args:
            width (int): Values of a frame.

        Raises:
            ValueError: If that is not ``in_channels``.
        """
        self.encoder.check_width(width)

    def forward(
        self,
        values1: Tensor,
        mask1: Tensor,
        values2: Tensor,
        mask2: Tensor,
        lengths1: Sequence[int] | None = None,
        lengths2: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed two views; see :class:`ContextAwareEncoder`.

        Args:
            values1 (Tensor): ``(B, M, in_channels)``.
            mask1 (Tensor): ``(B, M)``, bool.
            values2 (Tensor): ``(B, N, in_channels)``.
            mask2 (Tensor): ``(B, N)``, bool.
            lengths1 (Sequence[int], optional): Not needed: all views are of
                one length when they are encoded.
            lengths2 (Sequence[int], optional): As ``lengths1``.

        Returns:
            tuple[Tensor, Tensor]: ``(B, M, D)`` and ``(B, N, D)``, zero in
            the padding.
        """
        sizes = (self.frames,) * len(mask1)
        full = mask1.new_ones(len(mask1), self.frames)
        frames1 = resample(values1, mask1, self.frames)
        frames2 = resample(values2, mask2, self.frames)
        frames1, frames2 = self.encoder(
            frames1, full, frames2, full, sizes, sizes
        )
        return self._back(frames1, mask1), self._back(frames2, mask2)

    def encode(
        self,
        values: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """Embed sequences; see :class:`ContextAwareEncoder`.

        Args:
            values (Tensor): ``(B, T, in_channels)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.
            lengths (Sequence[int], optional): Not needed.
            places (Tensor, optional): Encode at fewer frames, ``(S,)``: their
                places among the ``frames`` that the encoder was trained
                with, :func:`~masa.datasets.parts.places_among`. Defaults to
                None, all.

        Returns:
            Tensor: ``(B, T, D)``, zero in the padding.
        """
        if places is not None:
            frames = resample(values, mask, places.shape[0])
            frames = self.encoder.embed_frames(frames, places)
            return self._back(frames, mask)
        full = mask.new_ones(len(mask), self.frames)
        frames = self.encoder.encode(
            resample(values, mask, self.frames),
            full,
            (self.frames,) * len(mask),
        )
        return self._back(frames, mask)

    def embed_frames(
        self, values: Tensor, position: Tensor, places: Tensor | None = None
    ) -> Tensor:
        """Embed complete sequences, for export.

        Args:
            values (Tensor): ``(B, T, in_channels)``.
            position (Tensor): 0 to T - 1, ``(T,)``.
            places (Tensor, optional): As for :meth:`encode`.

        Returns:
            Tensor: ``(B, T, D)``.
        """
        mask = (position >= 0).expand(values.shape[:2])
        if places is None:
            places = torch.arange(
                self.frames, device=values.device, dtype=values.dtype
            )
        return self.encode(values, mask, places=places)

    def _back(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Interpolate at the frames of the sequence."""
        embedding = interpolate(frames, mask)
        # Zero in the padding stays zero.
        return F.normalize(embedding, dim=-1) if self.unit_norm else embedding


def resample(values: Tensor, mask: Tensor, frames: int) -> Tensor:
    """Resample sequences to a number of frames.

    Frame k is at the place ``(k + 1/2) T / frames - 1/2`` of a sequence of T
    frames, and a mean over its neighbors with weights that fall linearly to
    0 at the distance of one resampled frame, and of one frame at least.

    Args:
        values (Tensor): ``(B, T, C)``.
        mask (Tensor): Existing frames, ``(B, T)``, bool.
        frames (int): How many.

    Returns:
        Tensor: ``(B, frames, C)``.

    Example:
        >>> values = torch.arange(6.0).reshape(1, 6, 1)
        >>> resample(values, torch.ones(1, 6).bool(), 3).flatten()
        tensor([0.7143, 2.5000, 4.2857])
    """
    steps, places = _places(mask, frames, values.dtype)
    spacing = (mask.sum(1) / frames).clamp(min=1)[:, None, None]
    distance = (steps[:, None] - places[..., None]).abs() / spacing
    weights = (1 - distance).clamp(min=0) * mask[:, None]
    weights = weights / weights.sum(-1, keepdim=True)
    return weights.to(values.dtype) @ values.masked_fill(~mask[..., None], 0)


def interpolate(values: Tensor, mask: Tensor) -> Tensor:
    """Interpolate resampled sequences at the frames that they were taken of.

    Args:
        values (Tensor): Of :func:`resample`, or their embeddings,
            ``(B, frames, D)``.
        mask (Tensor): Frames to interpolate at, ``(B, T)``, bool.

    Returns:
        Tensor: ``(B, T, D)``, zero in the padding.
    """
    frames = values.shape[1]
    steps, _ = _places(mask, frames, values.dtype)
    length = mask.sum(1)[:, None]
    places = ((steps + 0.5) * frames / length - 0.5).clamp(0, frames - 1)
    grid = torch.arange(frames, device=values.device, dtype=places.dtype)
    weights = (1 - (grid - places[..., None]).abs()).clamp(min=0)
    weights = weights * mask[..., None]
    return weights.to(values.dtype) @ values


def _places(
    mask: Tensor, frames: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Positions of the frames, ``(1, T)``, and of the resampled ones."""
    dtype = torch.promote_types(dtype, torch.float32)
    steps = torch.arange(mask.shape[1], device=mask.device, dtype=dtype)
    grid = torch.arange(frames, device=mask.device, dtype=dtype)
    return steps[None], (grid + 0.5) * mask.sum(1)[:, None] / frames - 0.5
