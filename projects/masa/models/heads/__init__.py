from .alignment_head import AlignmentHead, MethodHead, embedding_std
from .clan_head import CLANHead
from .cluster_predictor import ClusterPredictor
from .masa_head import MASAHead, combine_losses
from .method_heads import (
    CARLHead,
    CASAHead,
    GTCCHead,
    LAVHead,
    SaLHead,
    TCCHead,
    TCNHead,
    VAOTHead,
    VAVAHead,
    VSPHead,
)
from .supervised_head import SupervisedHead

__all__ = [
    'AlignmentHead',
    'CARLHead',
    'CASAHead',
    'CLANHead',
    'ClusterPredictor',
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
