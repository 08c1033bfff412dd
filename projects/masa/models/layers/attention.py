import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...support.argument_checks import check_one_or_more
from .groups import AttentionGroups
from .mlp import build_mlp
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
    """
    if key_mask is not None:
        key_mask = key_mask[:, None, None, :]
    if scale is None:
        scale = query.shape[-1] ** -0.5
    value_width = value.shape[-1]
    # Elsewhere PyTorch silently falls back to the matrix: CUDA wants
    # multiples of 4 or 8, the CPU values as wide as the queries. Zeros
    # change no dot product.
    width = max(query.shape[-1], value_width)
    width += -width % FUSED_WIDTH
    attended = F.scaled_dot_product_attention(
        *(
            # Padding by nothing would copy.
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
    """
    query = F.elu(query) + 1
    key = F.elu(key) + 1
    if key_mask is not None:
        key = key * key_mask[:, None, :, None]
    context = key.transpose(-2, -1) @ value
    weight = query @ key.sum(-2).unsqueeze(-1)
    return (query @ context) / weight.clamp_min(1e-6)


ATTENTIONS = {'softmax': softmax_attention, 'linear': linear_attention}


class AttentionLayer(nn.Module):
    """One layer of attention in the manner of LoFTR and CASA.

    The message that a frame gathers is merged over the heads and normalised;
    an MLP sees the frame and its message side by side, and its normalised
    result is added to the frame.

    Args:
        embed_dims (int): Width D of the frames.
        num_heads (int): Number of heads; must divide ``embed_dims``.
        attention (str): ``'softmax'`` or ``'linear'``. Defaults to
            ``'softmax'``.

    Raises:
        ValueError: If a number is below 1, the heads don't divide the width,
            or ``attention`` is not known.
    """

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
        if attention not in ATTENTIONS:
            raise ValueError(
                f'attention is expected to be one of {sorted(ATTENTIONS)}, '
                f'but got {attention!r}'
            )
        self.num_heads = num_heads
        self.attend = ATTENTIONS[attention]
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
        groups: AttentionGroups,
        position: Tensor | None = None,
    ) -> Tensor:
        """Let every frame gather a message and return the updated frames.

        Args:
            frames (Tensor): Packed frames, ``(F, D)``.
            groups (AttentionGroups): Who attends to whom.
            position (Tensor, optional): ``(F,)``: rotates queries and keys,
                see :func:`rotate_by_position`.

        Returns:
            Tensor: ``(F, D)``. Both sides of a cross layer see the frames
            from before the layer.
        """
        projected = self.query_key_value(frames)
        projected = projected.unflatten(-1, (3, self.num_heads, -1))
        query, key_value = projected[:, 0], projected[:, 1:]
        if position is not None:
            query = rotate_by_position(query, position)
            key = rotate_by_position(key_value[:, 0], position)
            key_value = torch.stack((key, key_value[:, 1]), dim=1)
        message = groups.attend(self.attend, query, key_value)
        message = self.message_norm(self.merge(message.flatten(1)))
        update = self.mlp(torch.cat((frames, message), dim=-1))
        return frames + self.mlp_norm(update)
