from .plain_checkpoint_hook import PlainCheckpointHook
from .random_key_hook import RandomKeyHook

__all__ = ['PlainCheckpointHook', 'RandomKeyHook']
