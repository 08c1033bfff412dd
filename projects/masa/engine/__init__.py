from .async_optim_wrappers import AsyncAmpOptimWrapper, AsyncOptimWrapper
from .atomic_local_backend import AtomicLocalBackend
from .errors import NonFiniteError
from .hooks import (
    AsyncRuntimeInfoHook,
    AtomicCheckpointHook,
    CollapseMonitorHook,
    FiniteCheckHook,
    PlainCheckpointHook,
    RandomKeyHook,
)
from .launch import build_runner
from .safe_runner import SafeRunner

__all__ = [
    'AsyncAmpOptimWrapper',
    'AsyncOptimWrapper',
    'AsyncRuntimeInfoHook',
    'AtomicCheckpointHook',
    'AtomicLocalBackend',
    'CollapseMonitorHook',
    'FiniteCheckHook',
    'NonFiniteError',
    'PlainCheckpointHook',
    'RandomKeyHook',
    'SafeRunner',
    'build_runner',
]
