from .async_optim_wrappers import AsyncAmpOptimWrapper, AsyncOptimWrapper
from .errors import NonFiniteError
from .hooks import (
    AsyncRuntimeInfoHook,
    CollapseMonitorHook,
    EmbeddingFiguresHook,
    FiniteCheckHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .launch import build_runner

__all__ = [
    'AsyncAmpOptimWrapper',
    'AsyncOptimWrapper',
    'AsyncRuntimeInfoHook',
    'CollapseMonitorHook',
    'EmbeddingFiguresHook',
    'FiniteCheckHook',
    'NonFiniteError',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'build_runner',
]
