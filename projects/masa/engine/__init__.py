from .hooks import (
    EmbeddingFiguresHook,
    PlainCheckpointHook,
    RandomKeyHook,
)

__all__ = ['EmbeddingFiguresHook', 'PlainCheckpointHook', 'RandomKeyHook']
