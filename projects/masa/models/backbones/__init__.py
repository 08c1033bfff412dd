from .context_aware_encoder import ContextAwareEncoder

__all__ = ['ContextAwareEncoder']
