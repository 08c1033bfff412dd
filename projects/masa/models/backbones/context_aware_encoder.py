from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import check_one_or_more
from ..layers import (
    AttentionGroups,
    AttentionLayer,
    FramePacking,
    build_mlp,
    position_code,
)

LAYER_KINDS = ('self', 'cross')
POSITIONS = ('sinusoidal', 'rotary', None)


@MODELS.register_module()
class ContextAwareEncoder(BaseModule):
    """Context-aware encoder of MASA, Sec. 3.2, eq. 1.

    ``(U', U'') = A(f(S') + PE, f(S'') + PE)``: an MLP ``f`` on every frame,
    the position of the frame within its view, and attention layers ``A``
    within each view and between the two.

    Positions are counted within the view. The index of the original frame
    would hand the matching loss its answer.

    Args:
        in_channels (int): Width of a frame of the input.
        embed_dims (int): Width D of the embedding.
        num_heads (int): Number of attention heads; must divide
            ``embed_dims``.
        layers (Sequence[str]): Kind of each attention layer, ``'self'`` or
            ``'cross'``. Defaults to four, alternately (Table S1).
        hidden_channels (Sequence[int], optional): Output widths of the MLP's
            layers before the last, which gives ``embed_dims``. Defaults to
            two of ``embed_dims``: three layers in all (Sec. 4.2).
        attention (str): ``'softmax'`` or ``'linear'`` (CASA's). Defaults to
            ``'softmax'``.
        scale_features (bool): Whether to multiply ``f``'s output by
            ``sqrt(embed_dims)`` before the position code is added, as CASA
            does; without it the position drowns the appearance. Defaults to
            True.
        position (str, optional): How the layers learn of positions:
            ``'sinusoidal'`` adds a code to the features (Sec. 3.2),
            ``'rotary'`` rotates queries and keys, so that only differences
            of positions count (Su et al., 2021), None tells them nothing.
            Defaults to ``'sinusoidal'``.
        tempo (float): Above 1, the positions of every view are multiplied
            in training by a number of its own, ``tempo ** U(-1, 1)``, so that
            they do not count frames. Defaults to 1.0: as they are.
        hidden_frames (float): Probability, in [0, 1), with which a frame's
            ``f(S)`` is replaced in training by one learned vector, every
            frame on its own. The losses then ask for what the context says
            of a hidden frame, as masked autoencoders (He et al., 2022) and
            data2vec (Baevski et al., 2022) do, with the contrast of the
            views in the place of a reconstruction. Defaults to 0.0: none is
            hidden, and there is no such vector.
        init_cfg (dict, optional): How to initialise. Defaults to Xavier
            uniform for every linear layer, as in CASA.

    Raises:
        ValueError: If a layer's kind or ``position`` is unknown, ``tempo``
            is below 1, ``hidden_frames`` is outside [0, 1), or the heads do
            not divide the width.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        num_heads: int,
        layers: Sequence[str] = ('self', 'cross', 'self', 'cross'),
        hidden_channels: Sequence[int] | None = None,
        attention: str = 'softmax',
        scale_features: bool = True,
        position: str | None = 'sinusoidal',
        tempo: float = 1.0,
        hidden_frames: float = 0.0,
        init_cfg: dict | None = dict(  # noqa: B006
            type='Xavier', layer='Linear', distribution='uniform'
        ),
    ):
        super().__init__(init_cfg)
        unknown = sorted(set(layers) - set(LAYER_KINDS))
        if unknown:
            raise ValueError(
                f'layers are expected to be of {LAYER_KINDS}, '
                f'but got {unknown} in {tuple(layers)}'
            )
        if position not in POSITIONS:
            raise ValueError(
                f'position is expected to be one of {POSITIONS}, but got '
                f'{position!r}'
            )
        check_one_or_more(tempo=tempo)
        if not 0 <= hidden_frames < 1:
            raise ValueError(
                'hidden_frames is expected to be a probability of [0, 1), '
                f'but got {hidden_frames}'
            )
        if hidden_channels is None:
            hidden_channels = (embed_dims, embed_dims)
        self.in_channels = in_channels
        self.embed_dims = embed_dims
        self.feature_scale = embed_dims**0.5 if scale_features else 1.0
        self.position = position
        self.tempo = tempo
        self.frame_mlp = build_mlp((in_channels, *hidden_channels, embed_dims))
        self.layer_kinds = tuple(layers)
        self.attention_layers = nn.ModuleList(
            AttentionLayer(embed_dims, num_heads, attention) for _ in layers
        )
        self.hidden_frames = hidden_frames
        if hidden_frames:
            self.hidden_frame = nn.Parameter(
                # As spread as poses in torso lengths are under Xavier's
                # weights: 0.24 to 0.42 in the data sets tried.
                0.3 * self.feature_scale * torch.randn(embed_dims)
            )

    def forward(
        self,
        values1: Tensor,
        mask1: Tensor,
        values2: Tensor,
        mask2: Tensor,
        lengths1: Sequence[int] | None = None,
        lengths2: Sequence[int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed two views, each in the context of the other.

        Args:
            values1 (Tensor): Frames of the first view S',
                ``(B, M, in_channels)``.
            mask1 (Tensor): Its existing frames, ``(B, M)``, bool.
            values2 (Tensor): Frames of the second view S'',
                ``(B, N, in_channels)``.
            mask2 (Tensor): Its existing frames, ``(B, N)``, bool.
            lengths1 (Sequence[int], optional): Numbers of frames of the
                first view. Without them, and ``lengths2``, the host waits
                for the device to count the masks.
            lengths2 (Sequence[int], optional): Of the second view.

        Returns:
            tuple[Tensor, Tensor]: U' ``(B, M, D)`` and U'' ``(B, N, D)``,
            zero in the padding.

        Raises:
            ValueError: If the width of the frames is not ``in_channels``.
        """
        for values in (values1, values2):
            self.check_width(values.shape[-1])
        batch, length1 = mask1.shape
        length2 = mask2.shape[1]
        length = max(length1, length2)
        # Both views run as one batch: row i and row B + i are partners.
        values = torch.cat(
            [
                F.pad(values1, (0, 0, 0, length - length1)),
                F.pad(values2, (0, 0, 0, length - length2)),
            ]
        )
        mask = torch.cat(
            [
                F.pad(mask1, (0, length - length1)),
                F.pad(mask2, (0, length - length2)),
            ]
        )
        lengths = None
        if lengths1 is not None and lengths2 is not None:
            lengths = (*lengths1, *lengths2)
        partner = np.roll(np.arange(2 * batch), batch)
        embedding = self._encode(values, mask, lengths, partner)
        return embedding[:batch, :length1], embedding[batch:, :length2]

    def encode(
        self,
        values: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
    ) -> Tensor:
        """Embed sequences that stand on both sides of the encoder.

        The two outputs for twice the same input are equal, so one is
        computed: a cross layer attends to the sequence itself.

        Args:
            values (Tensor): ``(B, T, in_channels)``.
            mask (Tensor): Existing frames, ``(B, T)``, bool.
            lengths (Sequence[int], optional): Numbers of frames, see
                :meth:`forward`.

        Returns:
            Tensor: U' ``(B, T, D)``, zero in the padding.

        Raises:
            ValueError: If the width of the frames is not ``in_channels``.
        """
        self.check_width(values.shape[-1])
        return self._encode(values, mask, lengths, None)

    def check_width(self, width: int) -> None:
        """Check that frames are as wide as the encoder.

        Args:
            width (int): Values of a frame.

        Raises:
            ValueError: If that is not ``in_channels``.
        """
        if width != self.in_channels:
            raise ValueError(
                f'frames are expected to have in_channels={self.in_channels} '
                f'values, but got {width} (joints x coordinates, or features)'
            )

    def _encode(
        self,
        values: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None,
        partner: np.ndarray | None,
    ) -> Tensor:
        packing = FramePacking(mask, lengths)
        position = self._positions(mask, values.dtype)
        # Worked out once for all views whose positions are the same.
        code, rotation = (
            packing.pack(
                part.expand(*mask.shape, *part.shape[position.ndim :])
            )
            if part is not None
            else None
            for part in self.position_inputs(position)
        )
        frames = self.embed_frames(packing.pack(values), code)
        groups = {'self': AttentionGroups(mask, lengths=lengths)}
        groups['cross'] = (
            groups['self']
            if partner is None
            else AttentionGroups(mask, partner, lengths)
        )
        for kind, layer in zip(
            self.layer_kinds, self.attention_layers, strict=True
        ):
            frames = layer(frames, groups[kind], rotation)
        return packing.unpack(frames)

    def position_inputs(
        self, position: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Say how positions come in.

        Args:
            position (Tensor): Positions within the view, ``(...)``, float32
                or float64.

        Returns:
            tuple[Tensor | None, Tensor | None]: The code to add to the
            frames, ``(..., D)``, and the positions that the attention layers
            rotate by, ``(...)``; None for what does not come in.
        """
        if self.position == 'sinusoidal':
            return position_code(position, self.embed_dims), None
        return None, position if self.position == 'rotary' else None

    def embed_frames(self, values: Tensor, code: Tensor | None) -> Tensor:
        """Embed frames by themselves: ``f(S) + PE`` of eq. 1.

        In training some of them are hidden, if ``hidden_frames`` says so.

        Args:
            values (Tensor): ``(F, in_channels)``.
            code (Tensor, optional): Of their positions, ``(F, D)``.

        Returns:
            Tensor: ``(F, D)``.
        """
        frames = self.frame_mlp(values) * self.feature_scale
        if self.training and self.hidden_frames:
            draws = torch.rand(len(frames), 1, device=frames.device)
            frames = torch.where(
                draws < self.hidden_frames,
                self.hidden_frame.to(frames.dtype),
                frames,
            )
        return frames if code is None else frames + code.to(frames.dtype)

    def _positions(self, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """Return positions within the views, ``(T,)``, or ``(B, T)``."""
        # Half precision cannot count to the length of a sequence.
        exact = torch.promote_types(dtype, torch.float32)
        position = torch.arange(mask.shape[1], device=mask.device, dtype=exact)
        if not self.training or self.tempo == 1:
            return position
        exponent = 2 * torch.rand(len(mask), 1, device=mask.device) - 1
        return position * self.tempo ** exponent.to(exact)
