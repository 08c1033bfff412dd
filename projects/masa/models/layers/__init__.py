from .attention import (
    CrossAttentionBlock,
    SelfAttentionBlock,
    attend,
    linear_attention,
    softmax_attention,
)
from .batch_norm import FrameBatchNorm
from .directions import frame_directions, sequence_directions
from .groups import AttentionGroups
from .mlp import build_mlp
from .packing import FramePacking
from .position import position_code, rotate_by_position
from .transfer import to_device

__all__ = [
    'AttentionGroups',
    'CrossAttentionBlock',
    'FrameBatchNorm',
    'FramePacking',
    'SelfAttentionBlock',
    'attend',
    'build_mlp',
    'frame_directions',
    'linear_attention',
    'position_code',
    'rotate_by_position',
    'sequence_directions',
    'softmax_attention',
    'to_device',
]
