from .atomic_local_backend import AtomicLocalBackend
from .hooks import (
    AtomicCheckpointHook,
    EmbeddingFiguresHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .safe_runner import SafeRunner, build_runner

__all__ = [
    'AtomicCheckpointHook',
    'AtomicLocalBackend',
    'EmbeddingFiguresHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'SafeRunner',
    'build_runner',
]
