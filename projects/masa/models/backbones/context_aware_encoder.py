from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from ...support.argument_checks import check_one_or_more
from ..layers import (
    CrossAttentionBlock,
    FramePacking,
    SelfAttentionBlock,
    build_mlp,
    position_code,
)

BLOCKS = {'self': SelfAttentionBlock, 'cross': CrossAttentionBlock}
POSITIONS = ('sinusoidal', 'rotary', None)


@MODELS.register_module()
class ContextAwareEncoder(BaseModule):
    """Context-aware encoder of MASA, Sec. 3.2, eq. 1.

    ``(U', U'') = A(f(S') + PE, f(S'') + PE)``: an MLP ``f`` on every frame,
    the code PE of its position within the view, and blocks ``A`` of
    self-attention within each view and cross-attention between the two.

    Positions are counted within the view. The index of the original frame
    would give the matching loss its answer.

    Args:
        in_channels (int): Width of a frame of the input.
        embed_dims (int): Width D of the embedding.
        num_heads (int): Number of attention heads; must divide
            ``embed_dims``.
        layers (Sequence[str]): Kind of each attention block, ``'self'`` or
            ``'cross'``. Defaults to four, alternately (Table S1).
        hidden_channels (Sequence[int], optional): Output widths of the MLP's
            layers before the last, which gives ``embed_dims``. Defaults to
            two of ``embed_dims``: three layers in all (Sec. 4.2).
        attention (str): ``'softmax'`` or ``'linear'`` (CASA's). Defaults to
            ``'softmax'``.
        scale_features (bool): Whether to multiply ``f``'s output by
            ``sqrt(embed_dims)`` before the position code is added, as CASA
            does; without it the position outweighs the appearance. Defaults
            to True.
        position (str, optional): Position encoding. ``'sinusoidal'`` adds a
            code to the features (Sec. 3.2). ``'rotary'`` rotates queries and
            keys, so that only differences of positions count (Su et al.,
            2021). None leaves positions out. Defaults to ``'sinusoidal'``.
        tempo (float): Above 1, the positions of every view are multiplied in
            training by a random factor ``tempo ** U(-1, 1)``, drawn for each
            view, so that they do not count frames. Defaults to 1.0: no
            change.
        hidden_frames (float): Probability, in [0, 1), with which a frame's
            ``f(S)`` is replaced in training by one learned vector, every
            frame on its own. A hidden frame is then embedded from its context
            alone, as in masked autoencoders (He et al., 2022) and data2vec
            (Baevski et al., 2022), with the contrast of the views in place of
            a reconstruction. Defaults to 0.0: no frame is hidden, and there
            is no such vector.
        init_cfg (dict, optional): How to initialize. Defaults to Xavier
            uniform for every linear layer, as in CASA.

    Raises:
        ValueError: If a block's kind or ``position`` is unknown, ``tempo``
            is below 1, ``hidden_frames`` is outside [0, 1), or the heads do
            not divide the width.

    Example:
        >>> encoder = ContextAwareEncoder(
        ...     in_channels=75, embed_dims=128, num_heads=8
        ... )
        >>> view1, view2 = torch.zeros(2, 30, 75), torch.zeros(2, 40, 75)
        >>> mask1, mask2 = torch.ones(2, 30).bool(), torch.ones(2, 40).bool()
        >>> u1, u2 = encoder(view1, mask1, view2, mask2)
        >>> u1.shape, u2.shape
        (torch.Size([2, 30, 128]), torch.Size([2, 40, 128]))
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
        unknown = sorted(set(layers) - BLOCKS.keys())
        if unknown:
            raise ValueError(
                f'layers are expected to be of {tuple(BLOCKS)}, '
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
        self.attention_layers = nn.ModuleList(
            BLOCKS[kind](embed_dims, num_heads, attention) for kind in layers
        )
        self.hidden_frames = hidden_frames
        if hidden_frames:
            self.hidden_frame = nn.Parameter(
                # The standard deviation of f(S) for poses in torso lengths
                # under Xavier's weights is 0.24 to 0.42 on the data sets
                # tried.
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
                first view. Without them, and ``lengths2``, the masks are
                copied to the host, which synchronizes GPU and CPU.
            lengths2 (Sequence[int], optional): Of the second view.

        Returns:
            tuple[Tensor, Tensor]: U' ``(B, M, D)`` and U'' ``(B, N, D)``,
            zero in the padding.

        Raises:
            ValueError: If the width of the frames is not ``in_channels``.
        """
        for values in (values1, values2):
            self.check_width(values.shape[-1])
        # Both views run as one batch: rows i and B + i are views of one.
        values = _stack_views(values1, values2)
        mask = _stack_views(mask1, mask2)
        lengths = None
        if lengths1 is not None and lengths2 is not None:
            lengths = (*lengths1, *lengths2)
        embedding = self._encode(
            values, mask, FramePacking(mask, lengths, paired=True)
        )
        batch = len(mask1)
        return (
            embedding[:batch, : mask1.shape[1]],
            embedding[batch:, : mask2.shape[1]],
        )

    def encode(
        self,
        values: Tensor,
        mask: Tensor,
        lengths: Sequence[int] | None = None,
    ) -> Tensor:
        """Embed sequences that take the place of both views.

        The two outputs for twice the same input are equal, so one is
        computed: a cross-attention block attends to the sequence itself.

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
        return self._encode(values, mask, FramePacking(mask, lengths))

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
        self, values: Tensor, mask: Tensor, packing: FramePacking
    ) -> Tensor:
        position = self._positions(mask, values.dtype)
        embedding = self.embed_frames(
            packing.pack(values),
            packing.pack(position.expand(mask.shape)),
            packing,
        )
        return packing.unpack(embedding)

    def embed_frames(
        self,
        values: Tensor,
        position: Tensor,
        packing: FramePacking | None = None,
    ) -> Tensor:
        """Embed frames without padding: ``A(f(S) + PE)`` of eq. 1.

        Args:
            values (Tensor): Packed frames, ``(F, in_channels)``; without a
                packing ``(B, T, in_channels)``, all of which exist.
            position (Tensor): Their positions within the view, ``(F,)``,
                without a packing ``(T,)``; float32 or float64.
            packing (FramePacking, optional): How the frames are packed. What
                is compiled or exported as a whole goes without it.

        Returns:
            Tensor: ``(F, D)``, or ``(B, T, D)``.
        """
        frames = self.frame_mlp(values) * self.feature_scale
        frames = self._hide_frames(frames)
        if self.position == 'sinusoidal':
            code = position_code(position, self.embed_dims)
            frames = frames + code.to(frames.dtype)
        rotation = position if self.position == 'rotary' else None
        for block in self.attention_layers:
            frames = block(frames, packing, rotation)
        return frames

    def _hide_frames(self, frames: Tensor) -> Tensor:
        """Replace random frames by the learned vector, in training."""
        if not (self.training and self.hidden_frames):
            return frames
        draws = torch.rand(*frames.shape[:-1], 1, device=frames.device)
        return torch.where(
            draws < self.hidden_frames,
            self.hidden_frame.to(frames.dtype),
            frames,
        )

    def _positions(self, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """Return positions within the views, ``(T,)``, or ``(B, T)``."""
        # Half precision cannot count to the length of a sequence.
        exact = torch.promote_types(dtype, torch.float32)
        position = torch.arange(mask.shape[1], device=mask.device, dtype=exact)
        if not self.training or self.tempo == 1:
            return position
        exponent = 2 * torch.rand(len(mask), 1, device=mask.device) - 1
        return position * self.tempo ** exponent.to(exact)


def _stack_views(view1: Tensor, view2: Tensor) -> Tensor:
    """Pad ``(B, M, ...)`` and ``(B, N, ...)`` to one batch of 2 B rows."""
    length = max(view1.shape[1], view2.shape[1])
    return torch.cat(
        [
            F.pad(view, (*(0, 0) * (view.ndim - 2), 0, length - view.shape[1]))
            for view in (view1, view2)
        ]
    )
