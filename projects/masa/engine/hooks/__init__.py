from .async_runtime_info_hook import AsyncRuntimeInfoHook
from .embedding_figures_hook import EmbeddingFiguresHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = [
    'AsyncRuntimeInfoHook',
    'EmbeddingFiguresHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
