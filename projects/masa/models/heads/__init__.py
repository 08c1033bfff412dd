from .alignment_head import AlignmentHead, MethodHead, embedding_std
from .casa_head import CASAHead
from .clan_head import CLANHead
from .cluster_predictor import ClusterPredictor
from .drop_context import DropContext
from .gtcc_head import GTCCHead
from .lav_head import LAVHead
from .masa_head import MASAHead, combine_losses
from .method_heads import CARLHead, VAOTHead, VAVAHead, VSPHead
from .sal_head import SaLHead
from .supervised_head import SupervisedHead
from .tcc_head import TCCHead
from .tcn_head import TCNHead

__all__ = [
    'AlignmentHead',
    'CARLHead',
    'CASAHead',
    'CLANHead',
    'ClusterPredictor',
    'DropContext',
    'GTCCHead',
    'LAVHead',
    'MASAHead',
    'MethodHead',
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
