from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...support.argument_checks import check_choice, check_one_or_more
from .mlp import build_mlp
from .packing import FramePacking
from .position import rotate_by_position

# Multiple that the widths of a head must have for every fused kernel.
FUSED_WIDTH = 8


def softmax_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_mask: Tensor | None,
    scale: float | None = None,
) -> Tensor:
    """Attend by softmax of scaled dot products (Vaswani et al., 2017).

    Runs PyTorch's fused kernels, which never hold a ``T x S`` matrix.

    Args:
        query (Tensor): ``(B, H, T, C)``.
        key (Tensor): ``(B, H, S, C)``.
        value (Tensor): ``(B, H, S, V)``.
        key_mask (Tensor, optional): True at the keys that exist,
            ``(B, S)``, bool; None if all do.
        scale (float, optional): Factor of the dot products. Defaults to
            ``1 / sqrt(C)``.

    Returns:
        Tensor: ``(B, H, T, V)``.

    Example:
        >>> frames = torch.zeros(2, 8, 30, 16)
        >>> softmax_attention(frames, frames, frames, None).shape
        torch.Size([2, 8, 30, 16])
    """
    if key_mask is not None:
        key_mask = key_mask[:, None, None, :]
    if scale is None:
        scale = query.shape[-1] ** -0.5
    value_width = value.shape[-1]
    # With other widths PyTorch silently falls back to the T x S matrix: CUDA
    # needs multiples of 4 or 8, the CPU values as wide as the queries. Zeros
    # change no dot product.
    width = max(query.shape[-1], value_width)
    width += -width % FUSED_WIDTH
    attended = F.scaled_dot_product_attention(
        *(
            # F.pad copies even if it adds nothing.
            F.pad(t, (0, width - t.shape[-1])) if t.shape[-1] < width else t
            for t in (query, key, value)
        ),
        key_mask,
        scale=scale,
    )
    return attended[..., :value_width]


def linear_attention(
    query: Tensor, key: Tensor, value: Tensor, key_mask: Tensor | None
) -> Tensor:
    """Attend with the feature map ``elu(x) + 1`` (Katharopoulos et al., 2020).

    This is the attention of LoFTR and CASA; its cost grows linearly with the
    number of frames.

    Args:
        query (Tensor): ``(B, H, T, C)``.
        key (Tensor): ``(B, H, S, C)``.
        value (Tensor): ``(B, H, S, C)``.
        key_mask (Tensor, optional): True at the keys that exist,
            ``(B, S)``, bool; None if all do.

    Returns:
        Tensor: ``(B, H, T, C)``.

    Example:
        >>> frames = torch.zeros(2, 8, 30, 16)
        >>> linear_attention(frames, frames, frames, None).shape
        torch.Size([2, 8, 30, 16])
    """
    query = F.elu(query) + 1
    key = F.elu(key) + 1
    if key_mask is not None:
        key = key * key_mask[:, None, :, None]
    context = key.transpose(-2, -1) @ value
    weight = query @ key.sum(-2).unsqueeze(-1)
    return (query @ context) / weight.clamp_min(1e-6)


ATTENTIONS = {'softmax': softmax_attention, 'linear': linear_attention}


def attend(
    attention: Callable,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: FramePacking | None = None,
    cross: bool = False,
) -> Tensor:
    """Let every frame attend to the frames of its own or the other sequence.

    Attention runs in groups of sequences of similar length
    (:class:`AttentionGroups`). Without a packing it is one plain call, which
    can be compiled and exported.

    Args:
        attention (Callable): :func:`softmax_attention` or
            :func:`linear_attention`.
        query (Tensor): Packed, ``(F, H, C)``; without a packing
            ``(B, T, H, C)``, all of which exist.
        key (Tensor): Likewise.
        value (Tensor): Likewise.
        packing (FramePacking, optional): How the frames are packed.
        cross (bool): Whether frames attend to the other view of their
            sequence instead of their own frames. Without a packing, or if
            that is not ``paired``, the two are the same. Defaults to False.

    Returns:
        Tensor: Of the shape of ``query``.
    """
    if packing is not None:
        return _attend_in_groups(attention, query, key, value, packing, cross)
    heads_first = (x.transpose(1, 2) for x in (query, key, value))
    return attention(*heads_first, None).transpose(1, 2)


# Not compiled: the lengths of a batch are the shapes of its groups, so every
# batch would be compiled anew.
@torch.compiler.disable
def _attend_in_groups(
    attention: Callable,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: FramePacking,
    cross: bool,
) -> Tensor:
    return packing.groups(cross).attend(attention, query, key, value)


class AttentionBlock(nn.Module):
    """Base of the attention blocks, in the manner of LoFTR and CASA.

    The message that a frame gathers is merged over the heads and normalized.
    An MLP sees the frame and its message side by side, and its normalized
    result is added to the frame::

        m_j = LN(W_o Attention(W_q x_j, W_k Y, W_v Y))
        x_j <- x_j + LN(MLP([x_j, m_j]))

    with ``Y`` the frames of the frame's own sequence
    (:class:`SelfAttentionBlock`) or of the other view of it
    (:class:`CrossAttentionBlock`).

    Args:
        embed_dims (int): Width D of the frames.
        num_heads (int): Number of heads; must divide ``embed_dims``.
        attention (str): ``'softmax'`` or ``'linear'``. Defaults to
            ``'softmax'``.

    Attributes:
        cross (bool): Whether frames attend to the other view.

    Raises:
        ValueError: If a number is below 1, the heads don't divide the width,
            or ``attention`` is not known.
    """

    cross: bool

    def __init__(
        self, embed_dims: int, num_heads: int, attention: str = 'softmax'
    ):
        super().__init__()
        check_one_or_more(embed_dims=embed_dims, num_heads=num_heads)
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims={embed_dims} is expected to be a multiple of '
                f'num_heads={num_heads}'
            )
        check_choice('attention', attention, sorted(ATTENTIONS))
        self.num_heads = num_heads
        self.attention = ATTENTIONS[attention]
        self.query_key_value = nn.Linear(
            embed_dims, 3 * embed_dims, bias=False
        )
        self.merge = nn.Linear(embed_dims, embed_dims, bias=False)
        self.message_norm = nn.LayerNorm(embed_dims)
        self.mlp = build_mlp((2 * embed_dims, 2 * embed_dims, embed_dims))
        self.mlp_norm = nn.LayerNorm(embed_dims)

    def forward(
        self,
        frames: Tensor,
        packing: FramePacking | None = None,
        position: Tensor | None = None,
    ) -> Tensor:
        """Let every frame gather a message and return the updated frames.

        Args:
            frames (Tensor): Packed frames, ``(F, D)``; without a packing
                ``(B, T, D)``, all of which exist.
            packing (FramePacking, optional): How the frames are packed.
            position (Tensor, optional): ``(F,)``, without a packing
                ``(T,)``: rotates queries and keys, see
                :func:`rotate_by_position`.

        Returns:
            Tensor: Of the shape of ``frames``. Both views of a cross block
            see the frames from before the block.
        """
        projected = self.query_key_value(frames)
        query, key, value = projected.unflatten(
            -1, (3, self.num_heads, -1)
        ).unbind(-3)
        if position is not None:
            query = rotate_by_position(query, position)
            key = rotate_by_position(key, position)
        message = attend(
            self.attention, query, key, value, packing, self.cross
        )
        message = self.message_norm(self.merge(message.flatten(-2)))
        update = self.mlp(torch.cat((frames, message), dim=-1))
        return frames + self.mlp_norm(update)


class SelfAttentionBlock(AttentionBlock):
    """Let every frame attend to the frames of its own sequence.

    See :class:`AttentionBlock` for the equation and the arguments.

    Example:
        >>> block = SelfAttentionBlock(embed_dims=8, num_heads=2)
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> packing = FramePacking(mask)
        >>> frames = packing.pack(torch.zeros(2, 3, 8))
        >>> block(frames, packing).shape
        torch.Size([4, 8])
    """

    cross = False


class CrossAttentionBlock(AttentionBlock):
    """Let every frame attend to the frames of the other view.

    See :class:`AttentionBlock` for the equation and the arguments. The
    packing says which sequences are views of one (``paired=True``).

    Example:
        >>> block = CrossAttentionBlock(embed_dims=8, num_heads=2)
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> packing = FramePacking(mask, paired=True)
        >>> frames = packing.pack(torch.zeros(2, 3, 8))
        >>> block(frames, packing).shape
        torch.Size([4, 8])
    """

    cross = True
