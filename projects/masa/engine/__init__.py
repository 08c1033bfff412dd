from .hooks import (
    EmbeddingFiguresHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .launch import build_runner

__all__ = [
    'EmbeddingFiguresHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'build_runner',
]
