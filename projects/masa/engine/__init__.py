from .errors import NonFiniteError
from .hooks import (
    CollapseMonitorHook,
    EmbeddingFiguresHook,
    FiniteCheckHook,
    PlainCheckpointHook,
    RandomKeyHook,
)

__all__ = [
    'CollapseMonitorHook',
    'EmbeddingFiguresHook',
    'FiniteCheckHook',
    'NonFiniteError',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
