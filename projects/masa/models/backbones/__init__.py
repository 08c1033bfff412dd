from .context_aware_encoder import ContextAwareEncoder
from .heatmap_encoder import HeatmapEncoder
from .resampled_encoder import ResampledEncoder

__all__ = ['ContextAwareEncoder', 'HeatmapEncoder', 'ResampledEncoder']
