from .async_optim_wrappers import AsyncAmpOptimWrapper, AsyncOptimWrapper
from .hooks import (
    AsyncRuntimeInfoHook,
    EmbeddingFiguresHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .launch import build_runner

__all__ = [
    'AsyncAmpOptimWrapper',
    'AsyncOptimWrapper',
    'AsyncRuntimeInfoHook',
    'EmbeddingFiguresHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'build_runner',
]
