from .aligner import SequenceAligner
from .backbones import ContextAwareEncoder
from .data_preprocessor import SequenceDataPreprocessor
from .heads import ClusterPredictor, MASAHead
from .losses import ImplicitClusteringLoss, MatchingLoss
from .necks import ProjectionNeck

__all__ = [
    'ClusterPredictor',
    'ContextAwareEncoder',
    'ImplicitClusteringLoss',
    'MASAHead',
    'MatchingLoss',
    'ProjectionNeck',
    'SequenceAligner',
    'SequenceDataPreprocessor',
]
