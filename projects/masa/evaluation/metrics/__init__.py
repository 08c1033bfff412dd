"""Metrics for MMEngine, thin classes over :mod:`..functional`."""

from .across_activities import (
    ActionRecognition,
    ActivitySeparation,
    CrossActivityRetrieval,
)
from .base import ActivityMetric, MetricResult, SequenceMetric
from .within_activity import (
    AlignmentError,
    FrameRetrieval,
    KendallsTau,
    KeyEventTransfer,
    PhaseClassification,
    PhaseProgress,
)

__all__ = [
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
    'SequenceMetric',
]
