from .attention import AttentionLayer, linear_attention, softmax_attention
from .groups import AttentionGroups
from .mlp import build_mlp
from .packing import FramePacking
from .position import (
    position_code,
    rotate_by_position,
    sinusoidal_position_code,
)

__all__ = [
    'AttentionGroups',
    'AttentionLayer',
    'FramePacking',
    'build_mlp',
    'linear_attention',
    'position_code',
    'rotate_by_position',
    'sinusoidal_position_code',
    'softmax_attention',
]
