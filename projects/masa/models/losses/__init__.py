from .alignment_loss import AlignmentLoss
from .casa_loss import CASALoss
from .clip_contrast import ClipContrastiveLoss
from .implicit_clustering_loss import ImplicitClusteringLoss, match_frames
from .matching_loss import MatchingLoss, masked_mean, predict_frame_index
from .neighbor_cycle_loss import NeighborCycleLoss
from .sequence_contrastive import SequenceContrastiveLoss
from .swapped_prediction_loss import SwappedPredictionLoss
from .variance_covariance_loss import VarianceCovarianceLoss

__all__ = [
    'AlignmentLoss',
    'CASALoss',
    'ClipContrastiveLoss',
    'ImplicitClusteringLoss',
    'MatchingLoss',
    'NeighborCycleLoss',
    'SequenceContrastiveLoss',
    'SwappedPredictionLoss',
    'VarianceCovarianceLoss',
    'masked_mean',
    'match_frames',
    'predict_frame_index',
]
