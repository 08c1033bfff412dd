from .implicit_clustering_loss import ImplicitClusteringLoss, match_frames
from .matching_loss import MatchingLoss, masked_mean, predict_frame_index

__all__ = [
    'ImplicitClusteringLoss',
    'MatchingLoss',
    'masked_mean',
    'match_frames',
    'predict_frame_index',
]
