"""Metrics of frozen embeddings.

Pure functions are in :mod:`masa.evaluation.functional`; the registered
classes only bring data to them.
"""

from . import functional
from .collection import SequenceCollection
from .controls import CONTROLS, control_embeddings
from .evaluator import SequenceEvaluator
from .metrics import (
    ActionRecognition,
    ActivityMetric,
    ActivitySeparation,
    AlignmentError,
    CrossActivityRetrieval,
    FrameRetrieval,
    KendallsTau,
    KeyEventTransfer,
    MetricResult,
    PhaseClassification,
    PhaseProgress,
    SequenceMetric,
)
from .table import format_table, save_report

__all__ = [
    'CONTROLS',
    'ActionRecognition',
    'ActivityMetric',
    'ActivitySeparation',
    'AlignmentError',
    'CrossActivityRetrieval',
    'FrameRetrieval',
    'KendallsTau',
    'KeyEventTransfer',
    'MetricResult',
    'PhaseClassification',
    'PhaseProgress',
    'SequenceCollection',
    'SequenceEvaluator',
    'SequenceMetric',
    'control_embeddings',
    'format_table',
    'functional',
    'save_report',
]
