from .alignment_head import AlignmentHead, embedding_std
from .cluster_predictor import ClusterPredictor
from .masa_head import MASAHead, combine_losses

__all__ = [
    'AlignmentHead',
    'ClusterPredictor',
    'MASAHead',
    'combine_losses',
    'embedding_std',
]
