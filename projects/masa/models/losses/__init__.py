from .alignment_loss import AlignmentLoss
from .casa_loss import CASALoss
from .clip_contrast import ClipContrastiveLoss
from .correspondence_loss import CorrespondenceLoss
from .drop_context import DropContext
from .gtcc_loss import GTCCLoss
from .implicit_clustering_loss import ImplicitClusteringLoss, match_frames
from .lav_loss import LAVLoss
from .matching_loss import MatchingLoss, masked_mean, predict_frame_index
from .neighbor_cycle_loss import NeighborCycleLoss
from .sal_loss import SaLLoss
from .sequence_contrastive import SequenceContrastiveLoss
from .supervised_loss import SupervisedLoss
from .swapped_prediction_loss import SwappedPredictionLoss
from .tcc_loss import CycleConsistencyLoss
from .tcn_loss import TCNLoss
from .vaot_loss import VAOTLoss
from .variance_covariance_loss import VarianceCovarianceLoss
from .vava_loss import VAVALoss
from .vsp_loss import VSPLoss

__all__ = [
    'AlignmentLoss',
    'CASALoss',
    'ClipContrastiveLoss',
    'CorrespondenceLoss',
    'CycleConsistencyLoss',
    'DropContext',
    'GTCCLoss',
    'ImplicitClusteringLoss',
    'LAVLoss',
    'MatchingLoss',
    'NeighborCycleLoss',
    'SaLLoss',
    'SequenceContrastiveLoss',
    'SupervisedLoss',
    'SwappedPredictionLoss',
    'TCNLoss',
    'VAOTLoss',
    'VAVALoss',
    'VSPLoss',
    'VarianceCovarianceLoss',
    'masked_mean',
    'match_frames',
    'predict_frame_index',
]
