from .async_runtime_info_hook import AsyncRuntimeInfoHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .collapse_monitor_hook import CollapseMonitorHook
from .finite_check_hook import FiniteCheckHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = [
    'AsyncRuntimeInfoHook',
    'AtomicCheckpointHook',
    'CollapseMonitorHook',
    'FiniteCheckHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
