from .context_aware_encoder import ContextAwareEncoder
from .heatmap_encoder import HeatmapEncoder

__all__ = ['ContextAwareEncoder', 'HeatmapEncoder']
