from .alignment_head import AlignmentHead, embedding_std
from .carl_head import CARLHead
from .casa_head import CASAHead
from .clip_aware_head import ClipAwareHead
from .cluster_predictor import ClusterPredictor
from .drop_context import DropContext
from .gtcc_head import GTCCHead
from .lav_head import LAVHead
from .masa_head import MASAHead, combine_losses
from .sal_head import SaLHead
from .supervised_head import SupervisedHead
from .tcc_head import TCCHead
from .tcn_head import TCNHead
from .vaot_head import VAOTHead
from .vava_head import VAVAHead
from .vsp_head import VSPHead

__all__ = [
    'AlignmentHead',
    'CARLHead',
    'CASAHead',
    'ClipAwareHead',
    'ClusterPredictor',
    'DropContext',
    'GTCCHead',
    'LAVHead',
    'MASAHead',
    'SaLHead',
    'SupervisedHead',
    'TCCHead',
    'TCNHead',
    'VAOTHead',
    'VAVAHead',
    'VSPHead',
    'combine_losses',
    'embedding_std',
]
