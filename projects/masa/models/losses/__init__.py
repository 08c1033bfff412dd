from .extra_loss import ExtraLoss
from .implicit_clustering_loss import ImplicitClusteringLoss, match_frames
from .matching_loss import MatchingLoss, masked_mean, predict_frame_index
from .neighbor_cycle_loss import NeighborCycleLoss
from .swapped_prediction_loss import SwappedPredictionLoss
from .variance_covariance_loss import VarianceCovarianceLoss

__all__ = [
    'ExtraLoss',
    'ImplicitClusteringLoss',
    'MatchingLoss',
    'NeighborCycleLoss',
    'SwappedPredictionLoss',
    'VarianceCovarianceLoss',
    'masked_mean',
    'match_frames',
    'predict_frame_index',
]
