from .aligner import SequenceAligner
from .backbones import (
    ContextAwareEncoder,
    HeatmapEncoder,
    ResampledEncoder,
)
from .data_preprocessor import SequenceDataPreprocessor
from .heads import (
    CARLHead,
    CASAHead,
    CLANHead,
    ClusterPredictor,
    GTCCHead,
    LAVHead,
    MASAHead,
    SaLHead,
    SupervisedHead,
    TCCHead,
    TCNHead,
    VAOTHead,
    VAVAHead,
    VSPHead,
)
from .losses import DropContext, ImplicitClusteringLoss, MatchingLoss
from .necks import ProjectionNeck
from .readouts import FrameReadout

__all__ = [
    'CARLHead',
    'CASAHead',
    'CLANHead',
    'ClusterPredictor',
    'ContextAwareEncoder',
    'DropContext',
    'FrameReadout',
    'GTCCHead',
    'HeatmapEncoder',
    'ImplicitClusteringLoss',
    'LAVHead',
    'MASAHead',
    'MatchingLoss',
    'ProjectionNeck',
    'ResampledEncoder',
    'SaLHead',
    'SequenceAligner',
    'SequenceDataPreprocessor',
    'SupervisedHead',
    'TCCHead',
    'TCNHead',
    'VAOTHead',
    'VAVAHead',
    'VSPHead',
]
