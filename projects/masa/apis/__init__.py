"""Trained models, and what they embedded, for people who write Python."""

from ..embeddings import EmbeddedSequence
from ..support.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    names={
        'alignment_inferencer': ['AlignmentInferencer'],
        'frame_index': ['FrameIndex', 'FrameMatches'],
        'live_aligner': ['LiveAligner', 'LiveState'],
        'pretrained': ['load', 'pretrained_weights'],
    },
)
__all__ += [EmbeddedSequence.__name__]
