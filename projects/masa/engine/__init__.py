from .hooks import PlainCheckpointHook, RandomKeyHook

__all__ = ['PlainCheckpointHook', 'RandomKeyHook']
