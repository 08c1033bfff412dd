from .atomic_checkpoint_hook import AtomicCheckpointHook
from .collapse_monitor_hook import CollapseMonitorHook
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .finite_check_hook import FiniteCheckHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = [
    'AtomicCheckpointHook',
    'CollapseMonitorHook',
    'DeferredRuntimeInfoHook',
    'FiniteCheckHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
