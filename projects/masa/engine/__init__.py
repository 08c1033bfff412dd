from .atomic_local_backend import AtomicLocalBackend
from .deferred_norm_optim_wrappers import (
    DeferredNormAmpOptimWrapper,
    DeferredNormOptimWrapper,
)
from .errors import NonFiniteError
from .hooks import (
    AtomicCheckpointHook,
    CollapseMonitorHook,
    DeferredRuntimeInfoHook,
    FiniteCheckHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .launch import build_runner
from .safe_runner import SafeRunner

__all__ = [
    'AtomicCheckpointHook',
    'AtomicLocalBackend',
    'CollapseMonitorHook',
    'DeferredNormAmpOptimWrapper',
    'DeferredNormOptimWrapper',
    'DeferredRuntimeInfoHook',
    'FiniteCheckHook',
    'NonFiniteError',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'SafeRunner',
    'build_runner',
]
