from .cluster_predictor import ClusterPredictor
from .masa_head import MASAHead, combine_losses, embedding_std

__all__ = ['ClusterPredictor', 'MASAHead', 'combine_losses', 'embedding_std']
