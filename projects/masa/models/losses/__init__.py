from .alignment_loss import AlignmentLoss
from .clip_contrast import ClipContrastiveLoss
from .implicit_clustering_loss import ImplicitClusteringLoss, match_frames
from .matching_loss import MatchingLoss, masked_mean, predict_frame_index
from .neighbor_cycle_loss import NeighborCycleLoss
from .sequence_contrastive import SequenceContrastiveLoss
from .supervised_loss import SupervisedLoss
from .swapped_prediction_loss import SwappedPredictionLoss
from .vaot_loss import VAOTLoss
from .variance_covariance_loss import VarianceCovarianceLoss
from .vava_loss import VAVALoss
from .vsp_loss import VSPLoss

__all__ = [
    'AlignmentLoss',
    'ClipContrastiveLoss',
    'ImplicitClusteringLoss',
    'MatchingLoss',
    'NeighborCycleLoss',
    'SequenceContrastiveLoss',
    'SupervisedLoss',
    'SwappedPredictionLoss',
    'VAOTLoss',
    'VAVALoss',
    'VSPLoss',
    'VarianceCovarianceLoss',
    'masked_mean',
    'match_frames',
    'predict_frame_index',
]
