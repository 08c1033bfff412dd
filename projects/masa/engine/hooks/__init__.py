from .atomic_checkpoint_hook import AtomicCheckpointHook
from .embedding_figures_hook import EmbeddingFiguresHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = [
    'AtomicCheckpointHook',
    'EmbeddingFiguresHook',
    'PlainCheckpointHook',
    'RandomKeyHook',
]
