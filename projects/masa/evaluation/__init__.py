"""Metrics of frozen embeddings.

Pure functions are in :mod:`masa.evaluation.functional`; the registered
classes only bring data to them.
"""

from ..embeddings import SequenceCollection
from ..support.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    ['functional'],
    {
        'baselines': ['BASELINES', 'baseline_embeddings'],
        'evaluator': ['SequenceEvaluator'],
        'metrics': [
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
        ],
        'table': ['format_table', 'save_report'],
    },
)
__all__ += [SequenceCollection.__name__]
