from .collapse_monitor_hook import CollapseMonitorHook
from .embedding_figures_hook import EmbeddingFiguresHook
from .finite_check_hook import FiniteCheckHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = [
    'CollapseMonitorHook',
    'EmbeddingFiguresHook',
    'FiniteCheckHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
